"""JPEGs whose regions are decoded one by one, at the scale that is needed."""

import struct
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from io import BytesIO
from types import ModuleType
from typing import ClassVar

import numpy as np
from PIL import Image

from anmok.data import turbojpeg
from anmok.data.decode import RgbImage, plain_reasons

_SIZED = (0xC0, 0xC1, 0xC2)  # start of a frame: baseline, extended or progressive, Huffman-coded
_OTHER_FRAMES = (0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))  # lossless, arithmetic, ...
_APP1, _SCAN = 0xE1, 0xDA
_ORIENTATION = 0x0112
_END = b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class Jpeg:
    """One file; sizes and regions are those of the stored image, before `orientation` (EXIF's) turns it upright."""

    data: bytes
    height: int
    width: int
    orientation: int = 1

    reducible: ClassVar[bool] = True  # to 1/2, 1/4, 1/8

    def region(self, top: int, left: int, shape: tuple[int, int], denominator: int) -> RgbImage:
        """Decode `shape` (rows, columns) pixels from (top, left) on, all counted at the scale 1 / denominator.

        The same pixels to the bit from libjpeg-turbo 3, from simplejpeg, from Pillow: whichever is installed, in
        this order, which is that of their speed. Where the first two object, Pillow judges: it ignores slips that
        do not hurt and refuses what is not whole.

        Raises
        ------
        OSError
            The file cannot be decoded; the text is the reason alone.

        """
        fast = turbojpeg.decoder()
        if fast is not None and self.data.endswith(_END):
            pixels = fast.region(self.data, top, left, shape, denominator)
            if pixels is not None:
                return pixels
        return self._whole(denominator)[top : top + shape[0], left : left + shape[1]]

    def _whole(self, denominator: int) -> RgbImage:
        """Decode everything: only that tells a file that is cut off from one with something appended."""
        fast = turbojpeg.decoder()
        whole = None
        if fast is not None:
            shape = -(-self.height // denominator), -(-self.width // denominator)
            whole = fast.region(self.data, 0, 0, shape, denominator)
        if whole is None:
            whole = _by_simplejpeg(self, denominator)
        return _by_pillow(self, denominator) if whole is None else whole


def read_jpeg(data: bytes) -> Jpeg | None:
    """Read what a JPEG says of itself; None for what is not one of 8 bits per level, grey or RGB, and well-formed."""
    if data[:2] != b"\xff\xd8":
        return None
    orientation = None
    try:
        position = 2
        while True:
            marker, length = struct.unpack_from(">HH", data, position)
            kind = marker - 0xFF00
            if kind in _SIZED:
                return _sized(data, position + 4, orientation or 1)
            if not 0xC0 <= kind <= 0xFE or kind in _OTHER_FRAMES or kind == _SCAN:
                return None
            if kind == _APP1 and orientation is None:
                orientation = _orientation(data[position + 4 : position + 2 + length])
            position += 2 + length
    except (struct.error, IndexError, ValueError):
        return None


def _sized(data: bytes, position: int, orientation: int) -> Jpeg | None:
    precision, height, width, components = struct.unpack_from(">BHHB", data, position)
    limit = Image.MAX_IMAGE_PIXELS
    bomb = limit is not None and height * width > limit
    if precision != 8 or components not in (1, 3) or not height * width or bomb:
        return None
    return Jpeg(data, height, width, orientation)


def _orientation(segment: bytes) -> int | None:
    """Read EXIF's orientation; ValueError where it may stand in XMP, which Pillow reads."""
    if not segment.startswith(b"Exif\0\0"):
        if b"tiff:Orientation" in segment:
            raise ValueError
        return None
    order = {b"II": "<", b"MM": ">"}.get(segment[6:8])
    if order is None:
        raise ValueError
    (first,) = struct.unpack_from(order + "I", segment, 10)
    (count,) = struct.unpack_from(order + "H", segment, 6 + first)
    for entry in range(6 + first + 2, 6 + first + 2 + 12 * count, 12):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", segment, entry)
        if tag == _ORIENTATION:
            if kind != 3:  # SHORT
                raise ValueError
            return value if 1 <= value <= 8 else 1
    return None


@cache
def _simplejpeg() -> ModuleType | None:
    try:
        return import_module("simplejpeg")
    except ImportError:
        return None


def _by_simplejpeg(jpeg: Jpeg, denominator: int) -> RgbImage | None:
    library = _simplejpeg()
    if library is None:
        return None
    # The smallest scale that gives at least these sides is 1 / denominator itself.
    height, width = -(-jpeg.height // denominator), -(-jpeg.width // denominator)
    try:
        pixels: RgbImage = library.decode_jpeg(jpeg.data, "RGB", min_height=height, min_width=width)
    except ValueError:  # damaged, or only odd
        return None
    return pixels


def _by_pillow(jpeg: Jpeg, denominator: int) -> RgbImage:
    with plain_reasons(), Image.open(BytesIO(jpeg.data)) as image:
        if denominator > 1:
            image.draft(None, (jpeg.width // denominator, jpeg.height // denominator))
        return np.array(image.convert("RGB"))
