"""Files at an address: https with the standard library, s3, gs and others through fsspec."""

import os
from collections.abc import Callable, Sequence
from errno import ENOSPC
from http.client import HTTPException
from pathlib import Path
from time import sleep
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar, cast, runtime_checkable
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from anmok.data.atomic import written_whole
from anmok.data.threads import Progress, map_in_threads
from anmok.errors import DataError

Encoded: TypeAlias = bytes
Result = TypeVar("Result")

PAUSES = (0.5, 2.0, 8.0)  # seconds before another attempt to read a part of a file
TIMEOUT = 60.0  # seconds without a byte
_PIECE = 1 << 20  # bytes copied at once
_MISSING = (403, 404, 410)  # some stores answer 403 to those who may not know what exists


class RemoteFile(NamedTuple):
    """What a server says of a file before it is read."""

    length: int | None  # bytes, if the server says so
    in_parts: bool  # whether any part can be read alone


@runtime_checkable
class Transport(Protocol):
    """One way to read files at addresses; errors are OSErrors, and a file that does not exist is None."""

    def look(self, url: str) -> RemoteFile | None:
        """Ask what there is, without reading it."""

    def read_part(self, url: str, offset: int, length: int) -> Encoded:
        """Read `length` bytes, or fewer where the file ends."""

    def copy(self, url: str, file: Path) -> None:
        """Read the whole file."""


class Web:
    """http and https. Parts go through the pooled connections of huggingface_hub, which stay open."""

    def look(self, url: str) -> RemoteFile | None:
        """Ask for the head."""
        try:
            with urlopen(Request(url, method="HEAD"), timeout=TIMEOUT) as answer:
                length = answer.headers.get("Content-Length")
                in_parts = answer.headers.get("Accept-Ranges") == "bytes"
                return RemoteFile(int(length) if length else None, in_parts)
        except HTTPError as error:
            if error.code in _MISSING:
                return None
            raise

    def read_part(self, url: str, offset: int, length: int) -> Encoded:
        """Ask for a range."""
        from huggingface_hub import get_session
        from huggingface_hub.errors import HfHubHTTPError

        # The root of its HTTP library, which is not the same in all versions.
        transport = cast(type[Exception], HfHubHTTPError.__bases__[0])
        headers = {"Range": f"bytes={offset}-{offset + length - 1}", "Accept-Encoding": "identity"}
        try:
            answer = get_session().get(url, headers=headers, timeout=TIMEOUT)
        except transport as error:
            raise OSError(str(error) or type(error).__name__) from error
        if answer.status_code != 206:
            raise OSError(f"the server answers {answer.status_code} to a request for a part")
        return answer.content

    def copy(self, url: str, file: Path) -> None:
        """Read it piece by piece."""
        with urlopen(url, timeout=TIMEOUT) as answer, file.open("wb") as out:
            while piece := answer.read(_PIECE):
                out.write(piece)


class Store:
    """Whatever fsspec knows: s3, gs, az, memory, ..."""

    def look(self, url: str) -> RemoteFile | None:
        """Ask for the size."""
        system, path = self._open(url)
        try:
            return RemoteFile(system.size(path), in_parts=True)
        except FileNotFoundError:
            return None

    def read_part(self, url: str, offset: int, length: int) -> Encoded:
        """Ask for a range."""
        system, path = self._open(url)
        return system.cat_file(path, start=offset, end=offset + length)

    def copy(self, url: str, file: Path) -> None:
        """Read the whole file."""
        system, path = self._open(url)
        system.get_file(path, str(file))

    def _open(self, url: str) -> tuple[Any, str]:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        try:
            return cast(tuple[Any, str], url_to_fs(url))
        except (ImportError, ValueError) as error:
            reason = " ".join(str(error).split()).rstrip(".")
            raise DataError(f"Addresses of the kind of '{url}' cannot be read here: {reason}.") from error


def look(url: str) -> RemoteFile | None:
    """What there is at an address; None for nothing."""
    return _asked(url, lambda transport: transport.look(url))


def read_part(url: str, offset: int, length: int) -> Encoded:
    """Read a part of a file; a connection that breaks is tried again after `PAUSES`."""

    def attempt(transport: Transport) -> Encoded:
        for pause in PAUSES:
            try:
                return transport.read_part(url, offset, length)
            except (OSError, HTTPException):
                sleep(pause)
        return transport.read_part(url, offset, length)

    return _asked(url, attempt)


def download(url: str, path: Path) -> None:
    """Copy a file; it is there whole or not at all.

    Raises
    ------
    DataError
        It does not exist, its server is out of reach, fewer bytes came than it has, or they cannot be written.

    """
    remote = look(url)
    if remote is None:
        raise DataError(f"There is no shard '{url}' that you may read. Check the address.")
    with written_whole(path) as part:
        _asked(url, lambda transport: transport.copy(url, part))
        length = part.stat().st_size
        if remote.length not in (None, length):
            raise DataError(f"'{url}' came cut off: {length:,} of {remote.length:,} bytes. Run this again.")


def fetch_all(fetch: Callable[[str], Result], files: Sequence[str], *, progress: Progress | None) -> list[Result]:
    """Fetch several files at once; the progress counts them, and begins with none."""
    fetched: list[Result] = []
    if progress is not None:
        progress(0, len(files))
    for result in map_in_threads(fetch, files, progress=None):
        fetched.append(result)
        if progress is not None:
            progress(len(fetched), len(files))
    return fetched


def cache_directory() -> Path:
    """Where files from the network are kept: $ANMOK_CACHE, else anmok/ in the user's cache directory."""
    given = os.environ.get("ANMOK_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given) if given else Path(home) / "anmok"


def _asked(url: str, question: Callable[[Transport], Result]) -> Result:
    parts = urlsplit(url)
    try:
        return question(Web() if parts.scheme in ("http", "https") else Store())
    except HTTPError as error:
        raise DataError(f"'{parts.netloc}' does not give '{url}': {error.code} {error.reason}.") from error
    except (OSError, HTTPException) as error:
        reason = " ".join(str(getattr(error, "reason", error)).split()).rstrip(".") or type(error).__name__
        full = getattr(error, "errno", None) == ENOSPC
        remedy = f"Free some space for '{cache_directory()}'" if full else "Check the address and the network"
        raise DataError(f"'{url}' cannot be read: {reason}. {remedy}.") from error
