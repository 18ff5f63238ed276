"""One directory holds one run: its request, its table, its trials and what came of them."""

import errno
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Protocol, runtime_checkable

import polars as pl
from filelock import FileLock, Timeout

from anmok.catalogue import as_file_name
from anmok.data import read_splits, write_splits
from anmok.errors import RunDirectoryError
from anmok.evaluation.measurements import Measurements
from anmok.selection.request import Request


@runtime_checkable
class Claim(Protocol):
    """What is asked of a run directory: the same request resumes it, and no other."""

    FILE: ClassVar[str]  # where it is written down

    def write(self, path: Path) -> None:
        """Store it."""

    def changes(self, path: Path) -> list[str]:
        """What it asks for instead of the stored one, one phrase an option."""


TRAINING = "train.toml"  # where the request of one network's training is written down


class RunDirectory:
    """The places inside a run directory; as a context, the only process that may write there.

    Raises `RunDirectoryError` when the directory belongs to another request or another process, and
    instead of whatever a full disk raised inside the context.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = FileLock(root / "lock", timeout=0)

    @staticmethod
    def existing(root: Path) -> "RunDirectory":
        """One that is there already; raises `RunDirectoryError` when it is not."""
        run = RunDirectory(root)
        if not run.request.exists():
            raise RunDirectoryError(
                f"'{root}' is not a run of Anmok: request.toml is missing. Name the folder that --out named."
            )
        return run

    request = property(lambda self: self.root / Request.FILE)
    training = property(lambda self: self.root / TRAINING)
    splits = property(lambda self: self.root / "splits.parquet")
    best = property(lambda self: self.root / "best")
    report = property(lambda self: self.root / "report.html")
    log = property(lambda self: self.root / "log.txt")
    costs = property(lambda self: self.root / "costs.csv")

    @property
    def measurements(self) -> Measurements:
        """The table; made when it is first asked for."""
        return Measurements(self.root / "measurements.sqlite")

    def pixels(self, image_size: int) -> Path:
        """Where the decoded images lie."""
        return self.root / "cache" / f"pixels-{image_size}.npy"

    def start(self, model: str) -> Path:
        """Where the pretrained weights lie that a model's trainings start from."""
        return self.root / "cache" / "weights" / f"{as_file_name(model)}.safetensors"

    def checkpoint(self, model: str, stage: str) -> Path:
        """Where a training in progress keeps its state."""
        return self.root / "trials" / as_file_name(model) / f"{stage}.safetensors"

    def claim(self, request: Claim) -> None:
        """Write the request down, or check that it is the one written there."""
        path = self.root / request.FILE
        if not path.exists():
            others = sorted(p.name for p in self.root.iterdir() if p.name not in {"lock", "log.txt"})
            if others:
                raise RunDirectoryError(
                    f"'{self.root}' holds other files ({others[0]}, ...). Choose an empty or new directory for --out."
                )
            request.write(path)
            return
        different = request.changes(path)
        if different:
            raise RunDirectoryError(
                f"'{self.root}' was made with another request: {'; '.join(different)}. "
                "Repeat that command to resume it, or choose another --out."
            )

    def keep_splits(self, splits: pl.DataFrame, data: Path) -> None:
        """Write down who trains, selects and tests, or check that it is what was written.

        Raises `RunDirectoryError` where it is not: the data has changed.
        """
        if not self.splits.exists():
            write_splits(splits, self.splits)
        elif not read_splits(self.splits).equals(splits):
            raise RunDirectoryError(
                f"The data in '{data}' has changed since '{self.root}' was begun. "
                "Put it back to resume, or choose another --out."
            )

    def __enter__(self) -> "RunDirectory":
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunDirectoryError(f"'{self.root}' cannot be made: {error.strerror}. Choose another --out.") from error
        try:
            self._lock.acquire()
        except Timeout as error:
            raise RunDirectoryError(
                f"Another process is working in '{self.root}'. Wait for it, or choose another --out."
            ) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._lock.release()
        if error is not None and _is_full_disk(error):
            raise RunDirectoryError(
                f"The disk that holds '{self.root}' is full. Free some space and repeat the command: "
                "what was finished is kept."
            ) from error


def _is_full_disk(error: BaseException) -> bool:
    """Whether the disk was full, whichever library found out."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    text = str(error).lower()
    return "no space left on device" in text or (isinstance(error, sqlite3.Error) and "disk is full" in text)
