"""Where experience lies on this machine."""

import os
import sys
from pathlib import Path

from anmok.errors import RequestError

FILE = "experience.sqlite"
VARIABLE = "ANMOK_EXPERIENCE"


def experience_file(given: str | Path | None = None) -> Path:
    r"""Locate the file: `given`, else $ANMOK_EXPERIENCE, else in the user's data directory; a folder holds it.

    The data directory is $XDG_DATA_HOME/anmok or ~/.local/share/anmok, ~/Library/Application Support/anmok on
    macOS and %LOCALAPPDATA%\anmok on Windows. Raises `RequestError` for a file that is not called *.sqlite.
    """
    named = given or os.environ.get(VARIABLE)
    if not named:
        return _data_directory() / "anmok" / FILE
    path = Path(named).expanduser()
    if path.is_dir():
        return path / FILE
    if path.suffix != ".sqlite":
        raise RequestError(f"--experience takes a folder that exists or a .sqlite file: got '{named}'.")
    return path


def _data_directory() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    given = os.environ.get("XDG_DATA_HOME", "")
    # The base directory specification: a relative path is to be ignored.
    return Path(given) if Path(given).is_absolute() else Path.home() / ".local" / "share"
