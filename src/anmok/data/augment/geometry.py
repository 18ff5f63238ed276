"""Where the pixels of a view come from."""

from math import floor

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int, Int16, UInt8
from torch import Tensor
from torch.nn import functional

from anmok.data.draws import Draws
from anmok.shapes import Pixels

GREY = 128  # of what a transformation uncovers


def shifted(pixels: Pixels, draws: Draws, *, shift: float = 0.125, mirror: bool = True) -> Pixels:
    """Move each image by up to a share of its sides, mirror it in every other epoch, or both.

    He et al. 2016, arXiv:1512.03385, sec. 4.2 (4 of 32 pixels). Departs from it: the border that a shift
    uncovers holds the mirrored inside, not zeros, which a network can tell from content; and an image is mirrored
    by turns (`Draws.turns`), not by chance.
    """
    if shift > 0:
        rows, columns = (_reflected(side, floor(shift * side), draws) for side in pixels.shape[2:])
        # One gather does it all; no padded copy is made.
        top, left = (torch.from_numpy(places).to(pixels.device) for places in (rows, columns))
        pixels = _taken(pixels, (top * pixels.shape[3])[:, :, None] + left[:, None])
    return _mirrored(pixels, draws.turns()) if mirror else pixels


def moved(pixels: Pixels, distances: Int[Tensor, "b 2"]) -> Pixels:
    """Let each view begin so many pixels further down and further right in the image; what lies outside is grey."""
    height, width = pixels.shape[2:]
    bordered = functional.pad(pixels, (1, 1, 1, 1), value=GREY)
    down, across = distances.split(1, dim=1)
    rows = (torch.arange(1, height + 1, device=pixels.device) + down).clamp_(0, height + 1)
    columns = (torch.arange(1, width + 1, device=pixels.device) + across).clamp_(0, width + 1)
    return _taken(bordered, (rows * (width + 2))[:, :, None] + columns[:, None])


def slid(
    pixels: Pixels, starts: Int[Tensor, "b lines"], weights: Int16[Tensor, "b lines"], *, down: bool = False
) -> Pixels:
    """Let each row of a view begin so many pixels further right in the image, or each column further down.

    The weights, in 1/128, are those of the next pixel. What lies outside is grey; the border blends into it.
    """
    axis = 2 if down else 3
    side = pixels.shape[axis]
    # So much grey to both sides that no line leaves it.
    before = side + 1
    bordered = functional.pad(pixels, (0, 0, before, before) if down else (before, before), value=GREY)
    starts, stride = starts.clamp(-before, side) + before, bordered.shape[3]
    lines, along = (torch.arange(length, device=pixels.device) for length in (starts.shape[1], side + 1))
    if down:
        source = (starts * stride + lines)[:, None] + (along * stride)[:, None]
        weights = weights[:, None, None]
    else:
        source = (starts + lines * stride)[:, :, None] + along
        weights = weights[:, None, :, None]
    taken = _taken(bordered, source).short()
    near, far = taken.narrow(axis, 0, side), taken.narrow(axis, 1, side)
    return (far - near).mul_(weights).add_(64).bitwise_right_shift_(7).add_(near).byte()


def transformed(pixels: Pixels, matrices: Float[Tensor, "b 2 3"]) -> Pixels:
    """Take the pixel at (x, y) of each view from its matrix times (x, y, 1) in the image, bilinearly.

    In pixels from the upper left corner of the image, where the first pixel's centre is (0.5, 0.5).
    What lies outside is grey; the border blends into it.
    """
    height, width = pixels.shape[2:]
    # To the coordinates of grid_sample, which go from -1 to 1.
    scaled = matrices * matrices.new_tensor([[2 / width], [2 / height]]) - matrices.new_tensor([0, 0, 1])
    of_x, of_y, start = scaled.split(1, dim=2)
    x, y = (torch.arange(side, device=pixels.device) + 0.5 for side in (width, height))
    grid = rearrange((of_x * x)[:, :, None] + (of_y * y + start)[..., None], "b xy h w -> b h w xy")
    sampled = functional.grid_sample(pixels.float().sub_(GREY), grid, align_corners=False)
    return whole(sampled.add_(GREY + 0.5))


def whole(values: Float[Tensor, "*axes"]) -> UInt8[Tensor, "*axes"]:
    """Cut off what comes after the point, of values in [0, 256)."""
    return values.short().byte()  # by way of 16 bits, which is several times as fast on a CPU


def folded(places: Int[np.ndarray, " places"], side: int) -> Int[np.ndarray, " places"]:
    """Fold places beyond the ends of an axis back inside, as mirrors at its outermost pixels do, however far."""
    last = side - 1
    return last - np.abs(last - places % (2 * last)) if last else np.zeros_like(places)


def _taken(pixels: Pixels, source: Int[Tensor, "b h w"]) -> UInt8[Tensor, "b c h w"]:
    """Gather from places that are counted row by row, the same for all channels."""
    places = source.flatten(1)[:, None].expand(-1, pixels.shape[1], -1)
    return pixels.flatten(2).gather(2, places).unflatten(2, source.shape[1:])


def _mirrored(pixels: Pixels, chosen: Bool[np.ndarray, " b"]) -> Pixels:
    """Mirror some images: the bits in which they differ from their mirror image are turned over."""
    mask = torch.from_numpy(np.where(chosen, 255, 0).astype(np.uint8)).to(pixels.device)[:, None, None, None]
    return pixels.flip(3).bitwise_xor_(pixels).bitwise_and_(mask).bitwise_xor_(pixels)


def _reflected(side: int, reach: int, draws: Draws) -> Int[np.ndarray, "b side"]:
    """Where each row or column of the result comes from, one shift per image, reflected at both ends."""
    shift = draws.integers(-reach, reach + 1)[:, None]
    last = side - 1
    return last - np.abs(np.abs(np.arange(side) + shift) - last)
