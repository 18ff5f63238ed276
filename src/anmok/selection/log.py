"""An observer that also writes every sentence to the run's log."""

import time
from pathlib import Path

from anmok.selection.observer import Observer


class Logged:
    """Passes everything on; stages and notes are appended to a text file with the time."""

    def __init__(self, observer: Observer, path: Path) -> None:
        self._observer = observer
        self._path = path

    def stage(self, name: str) -> None:
        """Log and pass on."""
        self._write(f"== {name}")
        self._observer.stage(name)

    def note(self, text: str) -> None:
        """Log and pass on."""
        self._write(text)
        self._observer.note(text)

    def progress(self, done: float, total: float, detail: str) -> None:
        """Pass on."""
        self._observer.progress(done, total, detail)

    def _write(self, line: str) -> None:
        with self._path.open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")
