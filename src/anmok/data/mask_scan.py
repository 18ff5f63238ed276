"""A first look at every mask: is it one, does it fit its image, and which ids are in it?"""

from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from io import BytesIO
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32
from PIL import ExifTags, Image

from anmok.data.decode import plain_reasons
from anmok.data.findings import Unreadable
from anmok.data.imagedata import ImageData
from anmok.data.mask_files import read_ids
from anmok.data.threads import Progress, map_in_threads
from anmok.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What is known of all masks."""

    areas: Int32[np.ndarray, "n 256"]  # pixels of each id in each mask
    digests: tuple[bytes, ...]  # equal for equal masks
    unreadable: tuple[Unreadable, ...]


class _Seen(NamedTuple):
    areas: Int32[np.ndarray, " 256"]
    digest: bytes = b""
    unreadable: Unreadable | None = None


def scan(images: ImageData, masks: ImageData, *, progress: Progress | None = None) -> Scan:
    """Read all masks, and the sizes of all images; masks that cannot be decoded are listed.

    Raises
    ------
    DataError
        A mask is of another size than its image, or no mask at all; the message names it. Or none can be read.

    """
    ids = range(len(images.samples))
    seen = list(map_in_threads(partial(_look, images, masks), ids, progress=progress))
    unreadable = tuple(each.unreadable for each in seen if each.unreadable)
    if len(unreadable) == len(seen):
        raise DataError(
            f"None of the {len(seen):,} masks of '{images.name}' can be read, first '{unreadable[0].path}': "
            f"{unreadable[0].reason}. Replace the files."
        )
    return Scan(
        areas=np.stack([each.areas for each in seen]),
        digests=tuple(each.digest for each in seen),
        unreadable=unreadable,
    )


def _look(images: ImageData, masks: ImageData, id: int) -> _Seen:
    name = masks.path(id)
    try:
        mask = read_ids(masks.bytes(id), name)
    except OSError as error:
        return _Seen(np.zeros(256, dtype=np.int32), unreadable=Unreadable(id, name, str(error)))
    size = _upright_size(images, id)
    if size not in (None, mask.shape):
        height, width = size or mask.shape
        raise DataError(
            f"A mask has the size of its image: '{name}' is {mask.shape[1]} x {mask.shape[0]} pixels and "
            f"'{images.path(id)}', upright, {width} x {height}. Save the mask anew."
        )
    digest = blake2b(mask.tobytes(), digest_size=16, key=f"{mask.shape}".encode()).digest()
    return _Seen(np.bincount(mask.ravel(), minlength=256).astype(np.int32), digest)


def _upright_size(images: ImageData, id: int) -> tuple[int, int] | None:
    """Height and width as people see them; None where the image cannot be read, which its audit reports."""
    try:
        with plain_reasons(), Image.open(BytesIO(images.bytes(id))) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) > 4
            return (image.width, image.height) if turned else (image.height, image.width)
    except OSError:
        return None
