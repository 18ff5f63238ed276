"""A user's labelled images as a list, before any of them is decoded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import polars as pl

from anmok.data.decode import Decoded, RgbImage, decode, unreadable

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
    """Labelled images, listed.

    Attributes
    ----------
    name : str
        What the source is called.
    classes : tuple of str
        Names in sorted order; a label is an index into it.
    samples : polars.DataFrame
        One row per image: `id` (row number), `path`, `label`, `split` (null, train, select or test),
        `group` (null, or the name of what must stay in one split).

    """

    name: str
    classes: tuple[str, ...]
    samples: pl.DataFrame
    decode: Callable[[str, int | None], Decoded]  # `path` of a row, `at_least` -> see `decode.decode`
    strays: tuple[str, ...] = ()  # images outside every class folder; they are left out

    def path(self, id: int) -> str:
        """Look up what the image is called."""
        return str(self.samples["path"][id])

    def read(self, id: int, *, at_least: int | None = None) -> RgbImage:
        """Decode one image; `at_least` as in `decode.decode`.

        Raises
        ------
        DataError
            The file cannot be decoded; the message names it.

        """
        path = self.path(id)
        try:
            return self.decode(path, at_least).pixels
        except OSError as error:
            raise unreadable(path, error) from error


@dataclass(frozen=True)
class FileDecoder:
    """Decodes the files under a folder by their names relative to it."""

    root: Path

    def __call__(self, path: str, at_least: int | None) -> Decoded:
        """Decode `root / path`."""
        return decode(self.root / path, at_least=at_least)


def list_samples(
    paths: Sequence[str],
    names: Sequence[str],
    *,
    splits: Sequence[str | None] | None = None,
    groups: Sequence[str | None] | None = None,
) -> tuple[tuple[str, ...], pl.DataFrame]:
    """Make the class names and the table of an `ImageData` from the path and class name of each image."""
    classes = tuple(sorted(set(names)))
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
