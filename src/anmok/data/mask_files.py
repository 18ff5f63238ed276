"""A mask's file -> the id of each pixel's class, and back."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from anmok.data.atomic import written_whole
from anmok.data.decode import plain_reasons
from anmok.errors import DataError

Mask: TypeAlias = UInt8[np.ndarray, "height width"]

IGNORED = 255  # the class of pixels that have no truth

_SPREAD = {"L;2": 85, "L;4": 17}  # what Pillow multiplies grey levels of few bits by
_ONE_CHANNEL = ("1", "L", "P", "I;16", "I;16B", "I")


def read_ids(data: bytes, name: str) -> Mask:
    """The ids as they are stored: grey levels, indices of a palette, or 0 and 1.

    Raises
    ------
    OSError
        The file cannot be decoded; the text is the reason alone.
    DataError
        It is an image of something else than ids; the message names it.

    """
    with plain_reasons(), Image.open(BytesIO(data)) as image:
        mode, stored_as = image.mode, image.tile[0][3] if image.tile else None
        ids = np.asarray(image)
    if mode not in _ONE_CHANNEL:
        raise DataError(
            f"A mask has one channel, of class ids: '{name}' has colours ({mode}). Save it as a grey or palette PNG."
        )
    if mode not in ("1", "L", "P") and ids.max() > IGNORED:
        raise DataError(f"Class ids go up to {IGNORED}: '{name}' has {ids.max():,}. Number the classes from 0.")
    return ids.astype(np.uint8) // np.uint8(_SPREAD.get(str(stored_as), 1))


def write_ids(ids: Mask, path: Path) -> None:
    """Write a PNG whose palette indices are the ids; raises `OSError` where that cannot be done."""
    image = Image.fromarray(ids).convert("P")
    image.putpalette([level for color in PALETTE for level in color])
    with written_whole(path) as partial:
        image.save(partial, "png")


def _palette() -> Sequence[tuple[int, int, int]]:
    """A colour for each id: the bits of the id, dealt out to red, green and blue in turns, make the levels.

    That of PASCAL VOC (Everingham et al. 2010, the development kit), by which neighbouring ids look different: 0 is
    black, 1 is dark red, 2 is dark green; 255 is a light grey.
    """

    def level(id: int, channel: int) -> int:
        return sum((id >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8))

    return [(level(id, 0), level(id, 1), level(id, 2)) for id in range(256)]


PALETTE = _palette()
"""The colour of each id, red, green and blue."""
