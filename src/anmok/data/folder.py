"""Images in one folder per class, with or without a level of split folders above."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from anmok.data.imagedata import SPLIT_ALIASES, FileReader, ImageData, Split, list_samples
from anmok.errors import DataError

SUFFIXES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".png", ".webp", ".avif", ".gif", ".bmp"),
    *(".tif", ".tiff", ".pbm", ".pgm", ".pnm", ".ppm"),
}


def load_folder(root: Path, files: Sequence[Path] | None = None, *, name: str = "") -> ImageData:
    """List `root/CLASS/**` or `root/SPLIT/CLASS/**`; hidden files and other kinds of file are skipped.

    `files` are those under the root, relative to it, where they are known; `name` is the folder's when not given.
    """
    files = list(visible_files(root)) if files is None else files
    images = sorted(path for path in files if path.suffix.lower() in SUFFIXES)
    if not images:
        raise DataError(_no_images(root, files))
    tops = {path.parts[0] for path in images if len(path.parts) > 1}
    split_of = {top: SPLIT_ALIASES[top.lower()] for top in tops if top.lower() in SPLIT_ALIASES}
    if split_of and len(split_of) < len(tops):
        raise DataError(
            f"Split folders cannot stand beside class folders: '{root}' has '{min(split_of)}' and "
            f"'{min(tops - set(split_of))}'. Move the class folders into split folders, or list the images "
            "in a manifest."
        )
    return _listed(root, images, split_of, name or root.resolve().name)


def _listed(root: Path, images: list[Path], split_of: dict[str, Split], name: str) -> ImageData:
    depth = 1 if split_of else 0  # of the class folder
    kept = [path for path in images if len(path.parts) > depth + 1]
    if not kept:
        raise DataError(
            f"Images need one folder per class: '{root}' holds {len(images):,} directly"
            f"{' in its split folders' if split_of else ''}. "
            "Move them into folders named after their classes, or list them in a manifest."
        )
    splits = [split_of[path.parts[0]] for path in kept] if split_of else None
    paths = [path.as_posix() for path in kept]
    classes, samples = list_samples(paths, [path.parts[depth] for path in kept], splits=splits)
    strays = tuple(path.as_posix() for path in images if len(path.parts) <= depth + 1)
    encoded = FileReader(root, samples["path"])
    return ImageData(name=name, classes=classes, samples=samples, encoded=encoded, strays=strays)


def visible_files(root: Path) -> Iterator[Path]:
    """Walk over what is not hidden, relative to the root; links are followed, but not to their parents."""
    for folder, folders, names in os.walk(root, followlinks=True):
        here = Path(folder)
        ancestors = {here.resolve(), *here.resolve().parents}
        folders[:] = [name for name in folders if name[0] != "." and (here / name).resolve() not in ancestors]
        yield from ((here / name).relative_to(root) for name in names if name[0] != ".")


def _no_images(root: Path, files: Sequence[Path]) -> str:
    advice = "Give a folder with one sub-folder of images per class."
    if not files:
        return f"A data set needs images: the folder '{root}' is empty. {advice}"
    suffix, count = Counter(path.suffix.lower() or "no suffix" for path in files).most_common(1)[0]
    return f"A data set needs images: '{root}' holds none, but {count:,} files with {suffix}. {advice}"
