"""Operations on the levels of a pixel, its channels and its neighbours; Pillow's, within one level.

`strength` is a factor per image: how far the levels lie from a base is multiplied by it (Haeberli & Voorhies 1994,
"Image processing by interpolation and extrapolation").
"""

import torch
from jaxtyping import Float, Int16, UInt8
from torch import Tensor

from anmok.data.augment.geometry import whole
from anmok.shapes import Pixels

# Red, green, blue: ITU-R BT.601, in 1/65536. With them, all that is added up fits in the 24 bits of a float32.
_LUMA = (19595, 38470, 7471)


def greyed(pixels: Float[Tensor, "b c height width"]) -> Float[Tensor, "b 1 height width"]:
    """Brightness of each pixel, in whole levels; of images that are not of three channels, the mean of them."""
    if pixels.shape[1] != len(_LUMA):
        return pixels.sum(1, keepdim=True).div_(pixels.shape[1]).floor_()
    red, green, blue = pixels.split(1, dim=1)
    total = (red * _LUMA[0]).add_(green, alpha=_LUMA[1]).add_(blue, alpha=_LUMA[2])
    return total.add_(2**15).mul_(2**-16).floor_()


def brightened(pixels: Pixels, strength: Float[Tensor, " b"]) -> Pixels:
    """Away from black."""
    return whole(pixels.float().mul_(strength[:, None, None, None]).clamp_(max=255))


def contrasted(pixels: Pixels, strength: Float[Tensor, " b"]) -> Pixels:
    """Away from the mean of the greyed image."""
    image = pixels.float()
    grey = greyed(image).int().flatten(1)  # a float32 cannot hold the sum
    mean = (2 * grey.sum(1, dtype=torch.int32) + grey.shape[1]) // (2 * grey.shape[1])  # rounded half up
    return _blended(mean[:, None, None, None].float(), image, strength)


def saturated(pixels: Pixels, strength: Float[Tensor, " b"]) -> Pixels:
    """Away from grey."""
    if pixels.shape[1] == 1:
        return pixels
    image = pixels.float()
    return _blended(greyed(image), image, strength)


def sharpened(pixels: Pixels, strength: Float[Tensor, " b"]) -> Pixels:
    """Away from the mean of a pixel's neighbourhood, in which it counts 5 of 13; the outermost pixels stay."""
    width = pixels.shape[3]
    if min(pixels.shape[2:]) < 3:
        return pixels
    # Whole images as one line, neighbours being 1 and `width` apart: what comes of the outermost is not used.
    line = pixels.short().flatten(1)
    across = line[:, :-2] + line[:, 1:-1] + line[:, 2:]
    total = across[:, : -2 * width] + across[:, width:-width] + across[:, 2 * width :]
    inside = slice(width + 1, -width - 1)
    smooth = total.add_(line[:, inside], alpha=4).float().mul_(1 / 13).add_(0.5).floor_()
    blurred = torch.empty_like(line, dtype=torch.uint8)
    blurred[:, inside] = _blended(smooth, line[:, inside].float(), strength)
    sharp = pixels.clone()
    sharp[:, :, 1:-1, 1:-1] = blurred.view(pixels.shape)[:, :, 1:-1, 1:-1]
    return sharp


def inverted(pixels: Pixels, kept: UInt8[Tensor, " b"], start: Int16[Tensor, " b"]) -> Pixels:
    """Keep these bits of each level, then invert what comes of the levels from `start` on."""
    # All ones where the level is lower: the sign of the difference. On a CPU far faster than a comparison.
    lower = pixels.short().sub_(start[:, None, None, None]).bitwise_right_shift_(15).byte()
    return (pixels & kept[:, None, None, None]).bitwise_xor_(lower.bitwise_not_())


def added(pixels: Pixels, levels: UInt8[Tensor, " b"]) -> Pixels:
    """Add these levels to those of the darker half, up to the brightest."""
    levels = levels[:, None, None, None]
    more = torch.minimum(pixels, 255 - levels).add_(levels)
    bright = (pixels.view(torch.int8) >> 7).view(torch.uint8)  # all ones in the brighter half
    return more.bitwise_xor_(pixels).bitwise_and_(bright.bitwise_not_()).bitwise_xor_(pixels)


def _blended(base: Tensor, image: Tensor, strength: Float[Tensor, " b"]) -> UInt8[Tensor, "b ..."]:
    """From the base (factor 0) to the image (factor 1) and beyond, as far as levels go; overwrites the image."""
    factor = strength.view(-1, *(1,) * (image.ndim - 1))
    return whole(image.sub_(base).mul_(factor).add_(base).clamp_(0, 255))
