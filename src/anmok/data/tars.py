"""What is in a WebDataset tar file: images whose labels lie beside them under the same key.

`dir/000123.jpg` and `dir/000123.cls` are one sample with the key `dir/000123`, as in the webdataset library: all
before the first dot of a file's name. The label is, in this order, `label`, `class`, `class_name` or `cls` in
`.json`, the text of `.cls`, or the text of `.txt`. `.json` may also give `path` and `group`.
"""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePosixPath

import polars as pl

from anmok.data.folder import SUFFIXES
from anmok.data.imagedata import split_of
from anmok.errors import DataError

SCHEMA = pl.Schema(
    {
        "path": pl.String,
        "label": pl.String,
        "split": pl.String,
        "group": pl.String,
        "offset": pl.Int64,  # of the image's first byte in the tar file
        "length": pl.Int64,
    }
)
LABEL_KEYS = ("label", "class", "class_name", "cls")
TEXTS = ("json", "cls", "txt")
BLOCK = 512  # tar files come in blocks of so many bytes; an empty one ends them


@dataclass
class _Sample:
    """The members under one key."""

    image: tarfile.TarInfo | None = None
    texts: dict[str, bytes] = field(default_factory=dict)


def scan(path: Path, *, name: str) -> pl.DataFrame:
    """Read every header of a tar file, and list its images with what `SCHEMA` names; `name` is what users know it by.

    Raises
    ------
    DataError
        It is not a tar file, is cut off, holds no image, or an image has no label.

    """
    try:
        rows = list(_rows(path, name))
    except tarfile.TarError as error:
        raise DataError(f"The shard '{name}' is not a whole tar file: {error}. Fetch or write it again.") from error
    except OSError as error:
        raise DataError(f"The shard '{name}' cannot be read: {error.strerror or error}. Check the path.") from error
    if not rows:
        raise DataError(f"A shard needs images with labels beside them: '{name}' holds no image. Leave it out.")
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _rows(path: Path, name: str) -> Iterator[tuple[str, str, str | None, str | None, int, int]]:
    split, short = split_of(name), "/".join(name.split("/")[-2:])
    with tarfile.open(path, "r:") as tar:
        for key, group in groupby(_members(tar, path), _key):
            sample = _collected(tar, group)
            if sample.image is not None:
                label, given, where = _described(sample, f"{name}/{key}")
                image = sample.image
                yield where or f"{short}/{image.name}", label, split, given, image.offset_data, image.size


def _members(tar: tarfile.TarFile, path: Path) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        if member.isfile() and PurePosixPath(member.name).name[0] != ".":
            yield member
    if path.stat().st_size < tar.offset + BLOCK:
        raise tarfile.ReadError("it has no end mark, so it may be cut off")


def _key(member: tarfile.TarInfo) -> str:
    folder, slash, file = member.name.rpartition("/")
    return folder + slash + file.partition(".")[0]


def _collected(tar: tarfile.TarFile, members: Iterator[tarfile.TarInfo]) -> _Sample:
    sample = _Sample()
    for member in members:
        extensions = PurePosixPath(member.name).name.lower().split(".")[1:]
        kind = next((text for text in TEXTS if text in extensions), None)
        if kind is not None:
            file = tar.extractfile(member)
            sample.texts[kind] = b"" if file is None else file.read()
        elif extensions and f".{extensions[-1]}" in SUFFIXES and sample.image is None:
            sample.image = member
    return sample


def _described(sample: _Sample, where: str) -> tuple[str, str | None, str | None]:
    """Label, group and path of a sample."""
    try:
        facts = json.loads(sample.texts.get("json", b"{}"))
        texts = {kind: text.decode().strip() for kind, text in sample.texts.items()}
    except ValueError as error:
        raise DataError(f"The label of '{where}' cannot be read: {error}. Write it as UTF-8 text or JSON.") from error
    if not isinstance(facts, dict):
        facts = {"label": facts}
    candidates = [*(facts.get(key) for key in LABEL_KEYS), texts.get("cls"), texts.get("txt")]
    label = next((str(c).strip() for c in candidates if _names_class(c)), None)
    if label is None:
        raise DataError(
            f"Every image of a shard needs a label: '{where}' has none in .json, .cls or .txt beside it. "
            "Add it or remove the image."
        )
    group, path = facts.get("group"), facts.get("path")
    return label, None if group is None else str(group), path if isinstance(path, str) and path else None


def _names_class(candidate: object) -> bool:
    if isinstance(candidate, str):
        return candidate.strip() != ""
    return isinstance(candidate, int) and not isinstance(candidate, bool)
