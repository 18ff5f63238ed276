"""Random views of training images, a whole batch at a time."""

from enum import StrEnum

import torch
from einops import rearrange, repeat
from jaxtyping import Int
from torch import Tensor

from anmok.shapes import Pixels

SHIFT = 8  # an image moves by at most 1/8 of its side


class Augmentation(StrEnum):
    """What is done to a training image, anew in each epoch."""

    NONE = "none"
    CROP = "crop"  # shift by up to an eighth of the side
    FLIP_CROP = "flip-crop"  # the same, and mirror one half of the images


def augment(images: Pixels, augmentation: Augmentation, generator: torch.Generator) -> Pixels:
    """Move each image by up to an eighth of its sides; `flip-crop` also mirrors it with probability 1/2.

    He et al. 2016, arXiv:1512.03385, sec. 4.2 (4 of 32 pixels). Departs from it: the border that a shift
    uncovers holds the mirrored inside, not zeros, which a network can tell from content.
    """
    if augmentation is Augmentation.NONE:
        return images
    batch, _, height, width = images.shape
    rows = _shifted(batch, height, generator)
    columns = _shifted(batch, width, generator)
    if augmentation is Augmentation.FLIP_CROP:
        mirrored = torch.rand(batch, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    # One gather does all three; no padded copy is made.
    source = rearrange(rows, "b h -> b h 1") * width + rearrange(columns, "b w -> b 1 w")
    source = repeat(source, "b h w -> b c (h w)", c=images.shape[1])
    moved = rearrange(images, "b c h w -> b c (h w)").gather(2, source)
    return rearrange(moved, "b c (h w) -> b c h w", h=height)


def _shifted(batch: int, side: int, generator: torch.Generator) -> Int[Tensor, "b side"]:
    """Where each row or column of the result comes from, one shift per image, reflected at both ends."""
    reach = side // SHIFT
    shift = torch.randint(-reach, reach + 1, (batch, 1), generator=generator)
    last = side - 1
    return last - ((torch.arange(side) + shift).abs() - last).abs()
