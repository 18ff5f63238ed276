"""Real images to compare an exported model with the original on."""

from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import UInt8

from anmok.data import read_pixels, read_splits
from anmok.errors import DataError, ExportError
from anmok.selection.run_directory import RunDirectory
from anmok.serving.files import find_images, none_readable, prepare_files

COUNT = 100  # images, where there are so many

PreparedImages: TypeAlias = UInt8[np.ndarray, "n c size size"]


def images_of_folder(folder: str | Path, size: int) -> PreparedImages:
    """Images spread evenly over a folder, or the one file; unreadable ones are left out.

    Raises:
        DataError: there is none that can be read.
    """
    files = find_images(folder)
    files = [files[i] for i in _spread(len(files))]
    prepared = list(prepare_files(files, size))
    images = [image for image in prepared if not isinstance(image, DataError)]
    if not images:
        raise none_readable(str(prepared[0]), len(files))
    return np.stack(images)


def images_of_run(root: Path, size: int) -> PreparedImages:
    """Images spread evenly over the test split of the run in `root`.

    Raises:
        ExportError: there is no run, or its decoded images are gone.
    """
    run = RunDirectory(root)
    if not run.splits.is_file() or not run.pixels(size).is_file():
        raise ExportError(
            f"An export is checked on real images: '{root}' keeps none of {size} x {size} pixels. "
            "Name a folder of images like those it was trained on."
        )
    rows = np.flatnonzero((read_splits(run.splits)["split"] == "test").to_numpy())
    return np.asarray(read_pixels(run.pixels(size))[rows[_spread(len(rows))]])


def _spread(count: int) -> np.ndarray:
    """Up to `COUNT` places, evenly from first to last."""
    return np.linspace(0, count - 1, min(COUNT, count)).round().astype(np.int64)
