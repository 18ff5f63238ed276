"""Where the pixels of a view come from."""

import numpy as np
import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from anmok.data.draws import Draws
from anmok.shapes import Pixels

SHIFT = 8  # an image moves by at most 1/8 of its side
GREY = 128  # of what a transformation uncovers


def shifted(pixels: Pixels, draws: Draws, *, shift: bool = True, mirror: bool = True) -> Pixels:
    """Move each image by up to an eighth of its sides, mirror it with probability 1/2, or both.

    He et al. 2016, arXiv:1512.03385, sec. 4.2 (4 of 32 pixels). Departs from it: the border that a shift
    uncovers holds the mirrored inside, not zeros, which a network can tell from content.
    """
    rows, columns = (_reflected(side, draws, reach=side // SHIFT if shift else 0) for side in pixels.shape[2:])
    if mirror:
        columns = np.where(draws.chance(0.5)[:, None], columns[:, ::-1], columns)
    # One gather does it all; no padded copy is made.
    top, left = (torch.from_numpy(np.ascontiguousarray(places)).to(pixels.device) for places in (rows, columns))
    return _taken(pixels, rearrange(top * pixels.shape[3], "b h -> b h 1") + rearrange(left, "b w -> b 1 w"))


def slid(pixels: Pixels, offsets: Float[np.ndarray, "b lines"], *, down: bool = False) -> Pixels:
    """Let each row of a view begin so many pixels further right in the image, or each column further down.

    Bilinear, with weights of 7 bits. What lies outside is grey; the border blends into it.
    """
    before = np.floor(offsets)
    starts, weights = before.astype(np.int64) + 1, np.rint((offsets - before) * 128).astype(np.int16)
    starts, weights = (torch.from_numpy(each).to(pixels.device) for each in (starts, weights))
    bordered = functional.pad(pixels, (1, 1, 1, 1), value=GREY)
    side, stride = pixels.shape[2 if down else 3], bordered.shape[3]
    lines = torch.arange(1, offsets.shape[1] + 1, device=pixels.device)
    if down:
        along = torch.arange(side + 1, device=pixels.device)[:, None] + starts[:, None]
        source = along.clamp_(0, side + 1).mul_(stride).add_(lines)
        weights = weights[:, None, None]
    else:
        along = torch.arange(side + 1, device=pixels.device) + starts[:, :, None]
        source = along.clamp_(0, side + 1).add_((lines * stride)[:, None])
        weights = weights[:, None, :, None]
    taken = _taken(bordered, source).short()
    axis = 2 if down else 3
    near, far = taken.narrow(axis, 0, side), taken.narrow(axis, 1, side)
    return (far - near).mul_(weights).add_(64).bitwise_right_shift_(7).add_(near).byte()


def transformed(pixels: Pixels, matrices: Float[np.ndarray, "b 2 3"]) -> Pixels:
    """Take the pixel at (x, y) of each view from its matrix times (x, y, 1) in the image, bilinearly.

    In pixels from the upper left corner of the image, where the first pixel's centre is (0.5, 0.5).
    What lies outside is grey; the border blends into it.
    """
    height, width = pixels.shape[2:]
    # To the coordinates of grid_sample, which go from -1 to 1.
    scaled = matrices * np.array([2 / width, 2 / height])[:, None] - np.array([[0, 0, 1], [0, 0, 1]])
    of_x, of_y, start = torch.from_numpy(scaled.astype(np.float32)).to(pixels.device).split(1, dim=2)
    x, y = (torch.arange(side, device=pixels.device) + 0.5 for side in (width, height))
    grid = rearrange(of_x * x, "b xy w -> b xy 1 w") + rearrange(of_y * y + start, "b xy h -> b xy h 1")
    grid = rearrange(grid, "b xy h w -> b h w xy")
    sampled = functional.grid_sample(pixels.float().sub_(GREY), grid, align_corners=False)
    return whole(sampled.add_(GREY + 0.5))


def whole(values: Float[Tensor, "b c height width"]) -> Pixels:
    """Cut off what comes after the point, of values in [0, 256)."""
    return values.short().byte()  # by way of 16 bits, which is several times as fast on a CPU


def _taken(pixels: Pixels, source: Int[Tensor, "b h w"]) -> UInt8[Tensor, "b c h w"]:
    """Gather from places that are counted row by row, the same for all channels."""
    places = repeat(source, "b h w -> b c (h w)", c=pixels.shape[1])
    view = rearrange(pixels, "b c h w -> b c (h w)").gather(2, places)
    return rearrange(view, "b c (h w) -> b c h w", h=source.shape[1])


def _reflected(side: int, draws: Draws, *, reach: int) -> Int[np.ndarray, "b side"]:
    """Where each row or column of the result comes from, one shift per image, reflected at both ends."""
    shift = draws.integers(-reach, reach + 1)[:, None]
    last = side - 1
    return last - np.abs(np.abs(np.arange(side) + shift) - last)
