"""Which image files are meant, and their pixels."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from anmok.data import Prepared, Progress, prepare_file
from anmok.data.folder import SUFFIXES, visible_files
from anmok.data.threads import map_in_threads
from anmok.errors import DataError


def find_images(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Files as they are given, and the images anywhere below a folder in sorted order.

    Raises:
        DataError: there is not one.
    """
    given = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    files = [file for path in given for file in (_below(path) if path.is_dir() else [path])]
    if not files:
        found = f"'{given[0]}' holds none" if given else "nothing was given"
        raise DataError(f"Images are needed: {found}. Give image files, or folders that hold some.")
    return files


def prepare_files(
    files: Sequence[Path], size: int, *, crop_share: float = 1.0, progress: Progress | None = None
) -> Iterator[Prepared | DataError]:
    """Decode in threads, in the order of the files; what cannot be read comes as its error."""
    return map_in_threads(partial(_prepare_or_error, size, crop_share), files, progress=progress)


def none_readable(first: str, count: int) -> DataError:
    """Make the error for files of which not one can be read from the sentence about the first."""
    return DataError(first if count == 1 else f"None of the {count:,} files can be read. {first}")


def _prepare_or_error(size: int, crop_share: float, path: Path) -> Prepared | DataError:
    try:
        return prepare_file(path, size, crop_share)
    except DataError as error:
        return error


def _below(folder: Path) -> list[Path]:
    return sorted(folder / path for path in visible_files(folder) if path.suffix.lower() in SUFFIXES)
