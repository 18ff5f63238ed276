"""What a user names -> a list of labelled images."""

import re
from difflib import get_close_matches
from pathlib import Path

from anmok.data import fashion
from anmok.data.folder import SUFFIXES, load_folder, visible_files
from anmok.data.hub import SCHEME, load_hub
from anmok.data.imagedata import ImageData, split_of
from anmok.data.manifest import load_manifest
from anmok.data.parquet import Table, holds_images, load_tables
from anmok.data.shards import expand, load_shards, shards_name
from anmok.data.threads import Progress
from anmok.errors import DataError

MANIFEST_SUFFIXES = (".csv", ".parquet")
KINDS = (
    "Give a folder, a .csv or .parquet manifest, shards (such as train-{0000..0007}.tar, here or at https://), "
    f"{SCHEME}owner/name, or the built-in '{fashion.NAME}'."
)
_TAR = re.compile(r"[^?]*\.tar(\?.*)?")
_COMPRESSED = re.compile(r"[^?]*(\.tar\.\w+|\.tgz)(\?.*)?")


def load_data(source: str | Path, *, progress: Progress | None = None) -> ImageData:
    """List the labelled images of a source; none is decoded yet.

    Parameters
    ----------
    source : str or Path
        - a folder with one sub-folder per class, alone or inside `train`, `val` and `test`;
        - a `.csv` or `.parquet` manifest with the columns `path`, `label` and optionally `split` and `group`;
        - WebDataset shards, from `anmok pack` or elsewhere: a folder, `x.tar`, `shards/train-{0000..0007}.tar`, or
          `https://host/train-{0000..0007}.tar` and whatever fsspec can read;
        - `hf://owner/name[@revision][/folder][?label=column]`, a data set of the Hugging Face hub;
        - a folder of Parquet files, or one, with a column of images;
        - `fashion`, the built-in one (a folder of that name is `./fashion`).
    progress : callable, optional
        Told how many of the files that must be fetched have been.

    Raises
    ------
    DataError
        There is nothing there that a backbone could be chosen for; the message says what and how to mend it.

    """
    return _check_classes(_list(source, progress))


def _list(source: str | Path, progress: Progress | None) -> ImageData:
    text, path = str(source), Path(source)
    if source == fashion.NAME:
        return fashion.load_fashion()
    if text.startswith(SCHEME):
        return load_hub(text, progress=progress)
    if "://" not in text and path.is_dir():
        return _list_folder(path)
    if _TAR.fullmatch(text):
        return load_shards(expand(text), name=shards_name(text), progress=progress)
    if _COMPRESSED.fullmatch(text):
        raise DataError(f"A shard is a tar file that is not compressed: '{text}' is. Unpack it to .tar first.")
    if path.is_file() and path.suffix.lower() in MANIFEST_SUFFIXES:
        images = path.suffix.lower() == ".parquet" and holds_images(path)
        return (
            load_tables([Table(path, path.name, split_of(path.name))], name=path.stem)
            if images
            else load_manifest(path)
        )
    raise DataError(_unknown(text, path))


def _list_folder(root: Path) -> ImageData:
    files = list(visible_files(root))
    suffixes = {file.suffix.lower() for file in files}
    name = root.resolve().name
    if suffixes.isdisjoint(SUFFIXES):
        if ".tar" in suffixes:
            tars = sorted(str(root / file) for file in files if file.suffix.lower() == ".tar")
            return load_shards(tars, name=name, whole=True)
        tables = sorted(file for file in files if file.suffix.lower() == ".parquet" and holds_images(root / file))
        if tables:
            listed = [Table(root / file, file.as_posix(), split_of(file.as_posix())) for file in tables]
            return load_tables(listed, name=name)
    return load_folder(root, files)


def _unknown(text: str, path: Path) -> str:
    if text.startswith("hf:"):
        return (
            f"A data set of the Hugging Face hub is {SCHEME}owner/name. Did you mean '{SCHEME}{text[3:].lstrip('/')}'?"
        )
    if "://" in text:
        return f"A data set at an address is shards: '{text}' is no .tar. Name them, such as {{0000..0007}}.tar."
    if path.exists():
        return f"A data set is a folder or a manifest: '{text}' is another kind of file. {KINDS}"
    beside = [p.name for p in path.parent.iterdir() if p.name[0] != "."] if path.parent.is_dir() else []
    near = get_close_matches(path.name, [*beside, fashion.NAME], n=1)
    hint = f"Did you mean '{near[0] if near[0] not in beside else path.with_name(near[0])}'?" if near else KINDS
    return f"No folder, manifest or built-in data set is called '{text}'. {hint}"


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
