"""What a user names -> a list of labelled images."""

from difflib import get_close_matches
from pathlib import Path

from anmok.data import fashion
from anmok.data.folder import load_folder
from anmok.data.imagedata import ImageData
from anmok.data.manifest import load_manifest
from anmok.errors import DataError

MANIFEST_SUFFIXES = (".csv", ".parquet")


def load_data(source: str | Path) -> ImageData:
    """List the labelled images of a folder, a manifest or the built-in data set; none is decoded yet.

    Parameters
    ----------
    source : str or Path
        A folder with one sub-folder per class, alone or inside `train`, `val` and `test`; a `.csv` or
        `.parquet` manifest with the columns `path`, `label` and optionally `split` and `group`; or `fashion`
        (a folder of that name is `./fashion`).

    Raises
    ------
    DataError
        There is nothing there that a backbone could be chosen for; the message says what and how to mend it.

    """
    return _check_classes(_list(source))


def _list(source: str | Path) -> ImageData:
    if source == fashion.NAME:
        return fashion.load_fashion()
    path = Path(source)
    if path.is_dir():
        return load_folder(path)
    if path.is_file() and path.suffix.lower() in MANIFEST_SUFFIXES:
        return load_manifest(path)
    kinds = f"Give a folder, a .csv or .parquet manifest, or the built-in '{fashion.NAME}'."
    if path.exists():
        raise DataError(f"A data set is a folder or a manifest: '{source}' is another kind of file. {kinds}")
    hint = f"Did you mean '{fashion.NAME}'?" if get_close_matches(str(source), [fashion.NAME]) else kinds
    raise DataError(f"No folder, manifest or built-in data set is called '{source}'. {hint}")


def _check_classes(data: ImageData) -> ImageData:
    counts = [count for _, count in data.samples.group_by("label").len().sort("label").iter_rows()]
    if len(counts) < 2:
        raise DataError(
            f"A choice needs at least two classes: '{data.name}' has only '{data.classes[0]}'. "
            "Add a folder or a label for another class."
        )
    small = [f"'{name}'" for name, count in zip(data.classes, counts, strict=True) if count < 2]
    if small:
        others = f" and {len(small) - 3} others" if len(small) > 3 else ""
        raise DataError(
            f"Each class needs at least 2 images: {', '.join(small[:3])}{others} "
            f"{'has' if len(small) == 1 else 'have'} 1. Add images or remove the class."
        )
    return data
