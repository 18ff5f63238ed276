"""Random erasing."""

from math import log

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from anmok.data.draws import Draws
from anmok.shapes import Images

AREA = (0.02, 1 / 3)  # of the image
RATIO = (0.3, 1 / 0.3)  # of height to width
_TRIES = 10  # to find a rectangle that fits into the image


def erased(images: Images, probability: float, draws: Draws) -> Images:
    """Fill a rectangle of each image with noise, with this probability; in place.

    Zhong et al. 2017, arXiv:1708.04896, alg. 1, with the noise that did best there: uniform, every value by itself.
    """
    chosen = np.flatnonzero(draws.chance(probability))
    rows, columns = _rectangles(images.shape[2], images.shape[3], draws)
    seeds = draws.integers(-(2**31), 2**31)
    if len(chosen) == 0:
        return images
    inside = [
        torch.from_numpy(_between(side, ends[chosen])).to(images.device)
        for side, ends in ((images.shape[2], rows), (images.shape[3], columns))
    ]
    mask = rearrange(inside[0], "b h -> b 1 h 1") & rearrange(inside[1], "b w -> b 1 1 w")
    numbers = torch.from_numpy(chosen).to(images.device)
    some = images.index_select(0, numbers)
    noise = _noise(some, torch.from_numpy(seeds[chosen].astype(np.int32)).to(images.device))
    return images.index_copy_(0, numbers, torch.where(mask, noise, some))


def _rectangles(height: int, width: int, draws: Draws) -> tuple[Int[np.ndarray, "b 2"], Int[np.ndarray, "b 2"]]:
    """First row and the one after the last, and the same for columns; none where no try gave a fitting rectangle."""
    size = np.zeros((2, len(draws)))
    for _ in range(_TRIES):
        area, ratio = draws.uniform(*AREA) * height * width, np.exp(draws.uniform(log(RATIO[0]), log(RATIO[1])))
        tried = np.rint(np.sqrt((area * ratio, area / ratio)))
        fits = (tried[0] < height) & (tried[1] < width)
        size = np.where(fits & (size[0] == 0), tried, size)
    starts = [np.floor(draws.uniform() * (side - s + 1)) for side, s in zip((height, width), size, strict=True)]
    rows, columns = (
        np.stack((start, start + s), axis=1).astype(np.int64) for start, s in zip(starts, size, strict=True)
    )
    return rows, columns


def _between(side: int, ends: Int[np.ndarray, "b 2"]) -> np.ndarray:
    places = np.arange(side)
    return (places >= ends[:, :1]) & (places < ends[:, 1:])


def _noise(images: Images, seeds: Int[Tensor, " b"]) -> Float[Tensor, "b c height width"]:
    """Numbers in [0, 1) that depend on an image's seed and the place alone, the same on every device.

    A hash of 32 bits in place of a generator: Wellons 2018, "Prospecting for hash functions" (lowbias32).
    """
    places = torch.arange(images[0].numel(), dtype=torch.int32, device=images.device)
    bits = rearrange(places, "n -> 1 n") + rearrange(seeds, "b -> b 1")
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B - 2**32)):
        bits = (bits ^ _shifted_right(bits, shift)) * factor
    bits = bits ^ _shifted_right(bits, 16)
    return (_shifted_right(bits, 8).float() * 2.0**-24).view_as(images)


def _shifted_right(bits: Tensor, shift: int) -> Tensor:
    """Shift in zeros, whatever the sign."""
    return (bits >> shift) & (2 ** (32 - shift) - 1)
