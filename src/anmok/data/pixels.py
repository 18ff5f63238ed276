"""Every image of a run, decoded once to the size that the networks see, shared by all processes."""

from collections.abc import Sequence
from functools import partial
from math import ceil
from pathlib import Path
from typing import TypeAlias

import numpy as np
from einops import rearrange
from jaxtyping import UInt8
from PIL import Image

from anmok.data.atomic import written_whole
from anmok.data.decode import RgbImage, read_image
from anmok.data.findings import Audit
from anmok.data.imagedata import ImageData
from anmok.data.threads import Progress, map_in_threads
from anmok.errors import DataError

Prepared: TypeAlias = UInt8[np.ndarray, "c size size"]

STEP = 4  # image sizes are multiples of it: the strides of nano presets divide it


def image_size(audit: Audit, lowest: int = 28, highest: int = 64, step: int = STEP) -> int:
    """Choose the side of the square that networks see, in pixels: the median short side within the bounds."""
    size = audit.short_side.median // step * step
    return int(min(max(size, lowest), highest))


def prepare(image: RgbImage, size: int, crop_share: float = 1.0) -> Prepared:
    """Resize the middle square, of that share of the shorter side: bicubic with antialiasing (Pillow's)."""
    height, width = image.shape[:2]
    side = min(height, width) * crop_share
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    square = Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC, box=box)
    return np.ascontiguousarray(rearrange(np.asarray(square), "h w c -> c h w"))


def prepare_file(path: Path, size: int, crop_share: float = 1.0) -> Prepared:
    """Decode and prepare one file; with all of the shorter side, exactly as `write_pixels` does.

    Raises
    ------
    DataError
        The file cannot be decoded; the message names it.

    """
    return prepare(read_image(path, at_least=_enough(ceil(size / crop_share))), size, crop_share)


def prepare_image(data: ImageData, size: int, id: int, crop_share: float = 1.0) -> Prepared:
    """Decode and prepare one image of a list, as `prepare_file` does a file.

    Raises
    ------
    DataError
        The file cannot be decoded; the message names it.

    """
    return prepare(data.read(id, at_least=_enough(ceil(size / crop_share))), size, crop_share)


def write_pixels(
    data: ImageData, ids: Sequence[int], size: int, path: Path, *, progress: Progress | None = None
) -> None:
    """Prepare the images in the order of `ids` and write them as one .npy array of bytes (n, 3, size, size).

    Raises
    ------
    DataError
        An image cannot be decoded; the message names it.
    OSError
        The file cannot be written, for instance because the disk is full.

    """
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(ids), 3, size, size)}
    # Plain writes and no memory map: a full disk kills a process that writes to a map.
    with written_whole(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for image in map_in_threads(partial(prepare_image, data, size), ids, progress=progress):
            file.write(image.tobytes())


def read_pixels(path: Path) -> UInt8[np.ndarray, "n c size size"]:
    """Map a file of `write_pixels` into memory; nothing is loaded before it is used.

    Raises
    ------
    DataError
        The file is missing or not whole.

    """
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError) as error:
        raise DataError(
            f"The decoded images '{path}' cannot be read: {error}. Delete the file to decode them again."
        ) from error


def _enough(size: int) -> int:
    """Scale at which a JPEG may be decoded: twice the result, so that the resize still has a say."""
    return 2 * size
