"""Operations on the bits of a pixel, its channels and its neighbours; Pillow's, within one level."""

import torch
from jaxtyping import Float, Int, Int16, UInt8
from torch import Tensor

from anmok.data.augment.geometry import whole
from anmok.shapes import Pixels

# Red, green, blue: ITU-R BT.601, in 1/65536.
_LUMA = (19595, 38470, 7471)


def greyed(pixels: Pixels) -> Int[Tensor, "b height width"]:
    """Brightness of each pixel, in [0, 255]; of images that are not of three channels, the mean of them."""
    channels = pixels.int()
    if pixels.shape[1] != len(_LUMA):
        return channels.sum(1, dtype=torch.int32) // pixels.shape[1]
    red, green, blue = (channels[:, index] * weight for index, weight in enumerate(_LUMA))
    return (red + green + blue + 2**15) >> 16


def blended(base: Tensor, image: Tensor, factor: Tensor) -> Tensor:
    """From the base (factor 0) to the image (factor 1) and beyond, as far as levels go (Haeberli & Voorhies 1994)."""
    return (image - base).mul_(factor).add_(base).clamp_(0, 255)


def inverted(pixels: Pixels, kept: UInt8[Tensor, " b"], start: Int16[Tensor, " b"]) -> Pixels:
    """Keep these bits of each level, then invert what comes of the levels from `start` on."""
    # All ones where the level is lower: the sign of the difference. On a CPU far faster than a comparison.
    lower = pixels.short().sub_(start[:, None, None, None]).bitwise_right_shift_(15).byte()
    return (pixels & kept[:, None, None, None]).bitwise_xor_(lower.bitwise_not_())


def saturated(pixels: Pixels, strength: Float[Tensor, " b"]) -> Pixels:
    """Multiply by `strength` how far the channels lie from grey."""
    if pixels.shape[1] == 1:
        return pixels
    grey = greyed(pixels)[:, None].float()
    return whole(blended(grey, pixels.float(), strength[:, None, None, None]))


def sharpened(pixels: Pixels, strength: Float[Tensor, " b"]) -> Pixels:
    """Multiply by `strength` how far a pixel lies from the mean of its neighbourhood, in which it counts 5 of 13.

    The outermost pixels stay as they are.
    """
    image = pixels.short()
    rows = image[:, :, :-2] + image[:, :, 1:-1] + image[:, :, 2:]
    total = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    inside = image[:, :, 1:-1, 1:-1]
    smooth = total.add_(inside, alpha=4).float().div_(13).add_(0.5).floor_()
    sharp = pixels.clone()
    sharp[:, :, 1:-1, 1:-1] = whole(blended(smooth, inside.float(), strength[:, None, None, None]))
    return sharp
