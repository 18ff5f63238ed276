"""Operations that change a level of a channel by what it is, wherever in the image: one curve of 256 levels each.

They are Pillow's of the same names, level by level. `strength` is one number per image, whose meaning is the curve's.
"""

from typing import TypeAlias

import numpy as np
import torch
from einops import repeat
from jaxtyping import Float, UInt8
from torch import Tensor

from anmok.data.augment.color import blended, greyed
from anmok.shapes import Pixels

Curves: TypeAlias = UInt8[Tensor, "b c 256"]
Strength: TypeAlias = Float[np.ndarray, " b"]

_LEVELS = np.arange(256)


def looked_up(pixels: Pixels, curves: Curves) -> Pixels:
    """Put every channel of every image through its curve."""
    return curves.gather(2, pixels.flatten(2).long()).view_as(pixels)


def solarized_by_adding(pixels: Pixels, strength: Strength) -> Curves:
    """Add `strength` to the darker half of the levels."""
    return _alike(pixels, np.where(_LEVELS < 128, np.minimum(_LEVELS + strength[:, None], 255), _LEVELS))


def brightened(pixels: Pixels, strength: Strength) -> Curves:
    """Multiply by `strength`."""
    return _alike(pixels, np.clip(_LEVELS.astype(np.float32) * strength[:, None].astype(np.float32), 0, 255))


def contrasted(pixels: Pixels, strength: Strength) -> Curves:
    """Multiply by `strength` how far the levels lie from the mean of the greyed image."""
    grey = greyed(pixels).flatten(1)
    # Rounded half up, in whole numbers: a float32 cannot hold the sum.
    mean = (2 * grey.sum(1, keepdim=True) + grey.shape[1]) // (2 * grey.shape[1])
    factor = torch.from_numpy(strength[:, None].astype(np.float32)).to(pixels.device)
    curve = blended(mean.float(), _levels(pixels).float(), factor).byte()
    return repeat(curve, "b level -> b c level", c=pixels.shape[1])


def autocontrasted(pixels: Pixels, strength: Strength) -> Curves:
    """Stretch each channel so that its levels reach from 0 to 255; the strength means nothing."""
    # As exact as Pillow's numbers, where the device has them.
    kind = torch.float32 if pixels.device.type == "mps" else torch.float64
    flat = pixels.flatten(2)
    low, high = flat.amin(2, keepdim=True).to(kind), flat.amax(2, keepdim=True).to(kind)
    levels = _levels(pixels)
    scale = torch.full_like(low, 255) / (high - low)
    stretched = (levels * scale + -low * scale).clamp_(0, 255)
    return torch.where(high > low, stretched, levels.to(kind)).int().byte()


def equalized(pixels: Pixels, strength: Strength) -> Curves:
    """Let each channel have about as many pixels of each level; the strength means nothing."""
    levels = pixels.flatten(2).long()
    one = torch.ones((), dtype=torch.int32, device=pixels.device).expand_as(levels)
    counts = one.new_zeros(*levels.shape[:2], 256).scatter_add_(2, levels, one)
    brightest = counts.gather(2, levels.amax(2, keepdim=True))
    step = (levels.shape[2] - brightest) // 255
    below = counts.cumsum(2, dtype=torch.int32) - counts
    spread = ((below + step // 2) // step.clamp(min=1)).clamp_(max=255)
    return torch.where(step > 0, spread, _levels(pixels)).byte()


def _levels(pixels: Pixels) -> Tensor:
    return torch.arange(256, dtype=torch.int32, device=pixels.device)


def _alike(pixels: Pixels, curve: np.ndarray) -> Curves:
    """Give every channel of an image the same curve."""
    tensor = torch.from_numpy(curve.astype(np.uint8)).to(pixels.device)
    return repeat(tensor, "b level -> b c level", c=pixels.shape[1])
