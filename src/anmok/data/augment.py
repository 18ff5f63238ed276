"""Random views of training images, a whole batch at a time, on the device that trains."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from einops import rearrange, repeat
from jaxtyping import Int

from anmok.data.draws import Draws
from anmok.shapes import Images, Pixels

SHIFT = 8  # an image moves by at most 1/8 of its side


class Augmentation(StrEnum):
    """What is done to a training image, anew in each epoch."""

    NONE = "none"
    CROP = "crop"  # shift by up to an eighth of the side
    FLIP_CROP = "flip-crop"  # the same, and mirror one half of the images


@dataclass(frozen=True, kw_only=True)
class Variation:
    """How the views of training images differ."""

    augmentation: Augmentation = Augmentation.NONE


def vary(pixels: Pixels, variation: Variation, draws: Draws) -> Images:
    """Give each image its view, in [0, 1]."""
    return shifted(pixels, variation.augmentation, draws).float().div_(255)


def shifted(images: Pixels, augmentation: Augmentation, draws: Draws) -> Pixels:
    """Move each image by up to an eighth of its sides; `flip-crop` also mirrors it with probability 1/2.

    He et al. 2016, arXiv:1512.03385, sec. 4.2 (4 of 32 pixels). Departs from it: the border that a shift
    uncovers holds the mirrored inside, not zeros, which a network can tell from content.
    """
    if augmentation is Augmentation.NONE:
        return images
    height, width = images.shape[2:]
    rows, columns = _sources(height, draws), _sources(width, draws)
    if augmentation is Augmentation.FLIP_CROP:
        columns = np.where(draws.chance(0.5)[:, None], columns[:, ::-1], columns)
    # One gather does all three; no padded copy is made.
    source = torch.from_numpy(rearrange(rows, "b h -> b h 1") * width + rearrange(columns, "b w -> b 1 w"))
    source = repeat(source.to(images.device), "b h w -> b c (h w)", c=images.shape[1])
    moved = rearrange(images, "b c h w -> b c (h w)").gather(2, source)
    return rearrange(moved, "b c (h w) -> b c h w", h=height)


def _sources(side: int, draws: Draws) -> Int[np.ndarray, "b side"]:
    """Where each row or column of the result comes from, one shift per image, reflected at both ends."""
    reach = side // SHIFT
    shift = draws.integers(-reach, reach + 1)[:, None]
    last = side - 1
    return last - np.abs(np.abs(np.arange(side) + shift) - last)
