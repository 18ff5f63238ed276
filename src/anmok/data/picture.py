"""An image's file -> the square of it that a network sees."""

from dataclasses import dataclass
from io import BytesIO
from math import ceil
from typing import ClassVar, TypeAlias

import torch
from einops import rearrange
from jaxtyping import UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from anmok.data.decode import RgbImage, decode
from anmok.data.jpeg import Jpeg, read_jpeg
from anmok.data.views import Span, View

Square: TypeAlias = UInt8[Tensor, "c size size"]

# A JPEG is decoded at 1 / denominator of its size from so many times the result's sides on. Not at half of it from 2
# on: that would gain little, and what is always decoded whole can be kept in memory.
_REDUCTIONS = {8: 8, 4: 4, 2: 3}
_REACH = 2  # pixels of the coarser grid that bicubic interpolation looks at, to each side
_NUDGE = 1 + 1e-9  # `interpolate` rounds sizes down: 223.9999 must not become 223


@dataclass(frozen=True, slots=True)
class Whole:
    """A picture that is decoded already."""

    pixels: RgbImage
    orientation: int = 1

    reducible: ClassVar[bool] = False

    @property
    def height(self) -> int:
        """Rows."""
        return self.pixels.shape[0]

    @property
    def width(self) -> int:
        """Columns."""
        return self.pixels.shape[1]

    def region(self, top: int, left: int, shape: tuple[int, int], denominator: int) -> RgbImage:
        """Cut it out; there is no scale but 1."""
        return self.pixels[top : top + shape[0], left : left + shape[1]]


Picture: TypeAlias = Jpeg | Whole
"""An image of which regions can be had; sizes and regions are those before `orientation` turns it upright."""


def open_picture(data: bytes) -> Picture:
    """Recognise a file. A JPEG is decoded when a view of it is wanted, anything else at once.

    Raises
    ------
    OSError
        The file cannot be decoded; the text is the reason alone.

    """
    return read_jpeg(data) or Whole(decode(BytesIO(data)).pixels)


def whole(picture: Picture) -> Whole:
    """Decode a picture at full size."""
    pixels = picture.region(0, 0, (picture.height, picture.width), 1)
    return Whole(pixels, picture.orientation)


def upright_size(picture: Picture) -> tuple[int, int]:
    """Height and width as people see it."""
    height, width = picture.height, picture.width
    return (width, height) if picture.orientation > 4 else (height, width)


def show(picture: Picture, view: View) -> Square:
    """Cut out and resize what a view shows: bicubic, antialiased as Pillow does it.

    Where a JPEG is decoded at a reduced scale, the view starts on a pixel of that scale: before the place that was
    asked for, but by less than one pixel of the result.
    """
    transposed, from_bottom, from_right = _TURNS[picture.orientation]
    height, width = upright_size(picture)
    rows = view.rows.mirrored(height, view.size) if from_bottom else view.rows
    columns = view.columns.mirrored(width, view.size) if from_right else view.columns
    if transposed:
        rows, columns = columns, rows
    denominator = reduction(picture, rows, columns)
    (top, bottom), (left, right) = (_needed(span, view.size, denominator) for span in (rows, columns))
    region = picture.region(top, left, (bottom - top, right - left), denominator)
    square = resized(torch.from_numpy(region).permute(2, 0, 1), View(rows, columns, view.size), denominator)
    if transposed:
        square = rearrange(square, "c h w -> c w h")
    axes = [axis for axis, turned in ((1, from_bottom), (2, from_right)) if turned]
    return square.flip(axes) if axes else square


def reduction(picture: Picture, rows: Span, columns: Span) -> int:
    """Choose the scale 1 / denominator at which the axes of a view, as stored, are decoded."""
    if picture.reducible:
        room = min(span.length / span.resized for span in (rows, columns))
        for denominator, least in _REDUCTIONS.items():
            if room >= least:
                return denominator
    return 1


def resized(region: UInt8[Tensor, "c h w"], view: View, denominator: int = 1) -> Square:
    """Resize a region that begins where the view does, and cut out what shows."""
    scale = [span.resized * denominator / span.length * _NUDGE for span in (view.rows, view.columns)]
    whole = interpolate(region[None], scale_factor=scale, mode="bicubic", antialias=True)[0]
    top, left = view.rows.cut, view.columns.cut
    return whole[:, top : top + view.size, left : left + view.size]


def is_always_whole(picture: Picture, size: int) -> bool:
    """Whether no view of `size` pixels is decoded at a reduced scale."""
    return not picture.reducible or min(picture.height, picture.width) < min(_REDUCTIONS.values()) * size


# Orientation -> whether rows and columns change places, then which axes of the upright image run backwards.
_TURNS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def _needed(span: Span, size: int, denominator: int) -> tuple[int, int]:
    """First and last pixel, at the scale, that what shows depends on."""
    first = span.start // denominator
    scale = span.length / denominator / span.resized
    last = ceil((span.cut + size) * scale + _REACH * max(scale, 1)) + 1
    return first, first + min(last, ceil(span.length / denominator))
