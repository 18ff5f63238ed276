"""A user's images with a mask each, which gives every pixel a class: in folders, or listed in a table."""

from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Int

from anmok.data.folder import SUFFIXES, visible_files
from anmok.data.imagedata import SPLIT_ALIASES, FileReader, ImageData, list_samples
from anmok.data.manifest import check_files, groups_of, read_table, splits_of
from anmok.data.mask_classes import NAMES, Naming, name_classes
from anmok.data.mask_files import Mask, read_ids
from anmok.data.mask_scan import Scan, scan
from anmok.data.threads import Progress
from anmok.errors import DataError

_COLUMNS = ("image", "mask")
_FORM = (
    "Put images into a folder images and a PNG of the same name for each into a folder masks beside it, alone or "
    "inside train, val and test, or list them in a .csv or .parquet manifest with the columns image and mask."
)


@dataclass(frozen=True, kw_only=True)
class MaskedImages:
    """Images with a mask each, listed; every mask has been looked at once.

    The samples of `images` have one class, and a column `mask`: the mask's file.
    """

    images: ImageData
    naming: Naming
    scan: Scan
    masks: ImageData  # the same list, of the masks' files
    strays: tuple[str, ...] = ()  # masks without an image

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names."""
        return self.naming.classes

    @property
    def areas(self) -> Int[np.ndarray, "n k"]:
        """Pixels of each class in each image."""
        return self.scan.areas[:, self.naming.ids]

    def mask(self, id: int) -> Mask:
        """The class of each pixel of an image, or `IGNORED`; raises `OSError` where its mask cannot be read."""
        return self.naming.lookup[read_ids(self.masks.bytes(id), self.masks.path(id))]


def load_masks(source: str | Path, known: Naming | None = None, *, progress: Progress | None = None) -> MaskedImages:
    """List the images of a source with their masks, and look at all masks.

    Ids are those of grey or palette PNGs. `classes.txt`, beside the folders or the manifest, names the classes; see
    `name_classes`. With `known`, classes are those of a network that is to be tested.

    Raises
    ------
    DataError
        There is nothing there to learn segmentation from; the message says what, and how to mend it.

    """
    path = Path(source)
    strays: tuple[str, ...] = ()
    if path.is_dir():
        images, strays = _list_folder(path)
    elif path.is_file() and path.suffix.lower() in (".csv", ".parquet"):
        images = _list_table(path)
    else:
        kind = "is another kind of file" if path.exists() else "is not there"
        raise DataError(f"Images with masks are a folder or a manifest: '{source}' {kind}. {_FORM}")
    home = path if path.is_dir() else path.parent
    files = images.samples["mask"]
    masks = replace(images, samples=images.samples.with_columns(files.alias("path")), encoded=FileReader(home, files))
    seen = scan(images, masks, progress=progress)
    naming = name_classes(masks, seen, home / NAMES, known)
    return MaskedImages(images=images, masks=masks, naming=naming, scan=seen, strays=strays)


class _Place(NamedTuple):
    """Where a file lies below the root."""

    split: str  # a folder, or none
    kind: str  # images or masks
    within: Path  # that folder

    @property
    def key(self) -> tuple[str, Path]:
        """Equal for an image and its mask."""
        return self.split, self.within.with_suffix("")


def _place(file: Path) -> _Place | None:
    split = file.parts[0] if file.parts[0].lower() in SPLIT_ALIASES else ""
    kind, *within = file.parts[1:] if split else file.parts
    return _Place(split, kind.lower(), Path(*within)) if within and kind.lower() in ("images", "masks") else None


def _list_folder(root: Path) -> tuple[ImageData, tuple[str, ...]]:
    """The images, and the masks without one."""
    places = {file: place for file in sorted(visible_files(root)) if (place := _place(file))}
    images = {f: place for f, place in places.items() if place.kind == "images" and f.suffix.lower() in SUFFIXES}
    others = [f for f, place in places.items() if place.kind == "masks"]
    masks = {places[file].key: file for file in others if file.suffix.lower() == ".png"}
    _check_folder(root, images, masks, others)
    missing = [file for file, place in images.items() if place.key not in masks]
    if missing:
        split, _, within = images[missing[0]]
        raise DataError(
            f"Every image has a mask: {len(missing):,} of {len(images):,} in '{root}' have none, the first is "
            f"'{missing[0].as_posix()}'. Add '{Path(split, 'masks', within.with_suffix('.png')).as_posix()}', or "
            "delete the image."
        )
    keys = [place.key for place in images.values()]
    strays = sorted(masks[key].as_posix() for key in masks.keys() - set(keys))
    splits = [SPLIT_ALIASES.get(split.lower()) for split, _ in keys]
    listed = _listed(root, [file.as_posix() for file in images], [masks[key].as_posix() for key in keys], splits)
    return listed, tuple(strays)


def _check_folder(root: Path, images: Sized, masks: Sized, others: Sequence[Path]) -> None:
    if not images or not (masks or others):
        lacking = "masks" if images else "images"
        raise DataError(f"Segmentation needs images and their masks: '{root}' has no folder of {lacking}. {_FORM}")
    if not masks:
        raise DataError(
            f"A mask is a PNG, which keeps class ids as they are: '{root}' has others, such as "
            f"'{others[0].as_posix()}'. Save them as grey or palette PNGs."
        )


def _list_table(path: Path) -> ImageData:
    table = read_table(path, _COLUMNS)
    for column in _COLUMNS:
        check_files(path, table, column)
    images, masks = (table[column].to_list() for column in _COLUMNS)
    return _listed(path.parent, images, masks, splits_of(path, table), name=path.stem, groups=groups_of(table))


def _listed(
    root: Path,
    images: Sequence[str],
    masks: Sequence[str],
    splits: Sequence[str | None] | None,
    *,
    name: str = "",
    groups: Sequence[str | None] | None = None,
) -> ImageData:
    classes, samples = list_samples(images, ["images"] * len(images), splits=splits, groups=groups)
    samples = samples.with_columns(mask=pl.Series(masks, dtype=pl.String))
    reader = FileReader(root, samples["path"])
    return ImageData(name=name or root.resolve().name, classes=classes, samples=samples, encoded=reader)
