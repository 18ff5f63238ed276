"""A user's labelled images as a list, before any of them is decoded."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal, TypeAlias

import polars as pl

from anmok.data.decode import Decoded, RgbImage, decode, unreadable
from anmok.errors import DataError

Encoded: TypeAlias = bytes
Split: TypeAlias = Literal["train", "select", "test"]

SPLITS: tuple[Split, ...] = ("train", "select", "test")
SPLIT_ALIASES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "select": "select",
    "val": "select",
    "valid": "select",
    "validation": "select",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True, kw_only=True)
class ImageData:
    """Labelled images, listed; can be pickled and read by many threads and processes at once.

    Attributes
    ----------
    name : str
        What the source is called.
    classes : tuple of str
        Names in sorted order, numbers by their value; a label is an index into it.
    samples : polars.DataFrame
        One row per image: `id` (row number), `path`, `label`, `split` (null, train, select or test),
        `group` (null, or the name of what must stay in one split).

    """

    name: str
    classes: tuple[str, ...]
    samples: pl.DataFrame
    encoded: Callable[[int], Encoded]  # id -> the image's file; OSError when it alone cannot be read
    strays: tuple[str, ...] = ()  # images without a class; they are left out

    def path(self, id: int) -> str:
        """Look up what the image is called."""
        return str(self.samples["path"][id])

    def bytes(self, id: int) -> Encoded:
        """Read an image's file as it is, wherever it lies: in a folder, a shard or a table.

        Raises
        ------
        OSError
            This image cannot be read; the text is the reason alone.
        DataError
            What holds it, such as a shard or its server, cannot be read.

        """
        try:
            return self.encoded(id)
        except OSError as error:
            raise OSError(error.strerror.lower() if error.strerror else str(error)) from error

    def decode(self, id: int, *, at_least: int | None = None) -> Decoded:
        """Read and decode one image, as `bytes` and `decode.decode` do."""
        return decode(BytesIO(self.bytes(id)), at_least=at_least)

    def read(self, id: int, *, at_least: int | None = None) -> RgbImage:
        """Decode one image; `at_least` as in `decode.decode`.

        Raises
        ------
        DataError
            The file cannot be decoded; the message names it.

        """
        try:
            return self.decode(id, at_least=at_least).pixels
        except OSError as error:
            raise unreadable(self.path(id), error) from error


@dataclass(frozen=True, eq=False)
class FileReader:
    """Reads the files under a folder by their names relative to it."""

    root: Path
    paths: pl.Series

    def __call__(self, id: int) -> Encoded:
        """Read `root / paths[id]`."""
        return (self.root / self.paths[id]).read_bytes()


def list_samples(
    paths: Sequence[str],
    names: Sequence[str],
    *,
    splits: Sequence[str | None] | None = None,
    groups: Sequence[str | None] | None = None,
) -> tuple[tuple[str, ...], pl.DataFrame]:
    """Make the class names and the table of an `ImageData` from the path and class name of each image."""
    distinct = set(names)
    numbers = all(name.isdecimal() for name in distinct)  # so that class 10 does not stand before class 2
    classes = tuple(sorted(distinct, key=lambda name: (int(name), name) if numbers else (0, name)))
    label_of = {name: label for label, name in enumerate(classes)}
    missing = [None] * len(paths)
    samples = pl.DataFrame(
        {
            "id": pl.Series(range(len(paths)), dtype=pl.Int64),
            "path": pl.Series(paths, dtype=pl.String),
            "label": pl.Series([label_of[name] for name in names], dtype=pl.Int64),
            "split": pl.Series(missing if splits is None else splits, dtype=pl.String),
            "group": pl.Series(missing if groups is None else groups, dtype=pl.String),
        }
    )
    return classes, samples


def no_split(place: str, name: str) -> DataError:
    """What to say where a user gives a split the name of none."""
    return DataError(
        f"A split is one of {', '.join(SPLITS)}: {place} has '{name}'. Rename it, or leave it empty to let Anmok split."
    )


def split_of(file: str) -> Split | None:
    """Tell which split a file is of by a word of its name, else of its folder's: `train-0001.tar`, `val/0001.tar`."""
    for part in reversed(re.split(r"[/\\]", file)[-2:]):
        found = {SPLIT_ALIASES[word] for word in re.split(r"[^a-z]+", part.lower()) if word in SPLIT_ALIASES}
        if len(found) == 1:
            return found.pop()
    return None
