"""Operations that spread the levels of a channel: each by a curve of 256 levels, which is Pillow's, level by level."""

import torch
from torch import Tensor

from anmok.shapes import Pixels


def autocontrasted(pixels: Pixels) -> Pixels:
    """Stretch each channel so that its levels reach from 0 to 255."""
    # As exact as Pillow's numbers, where the device has them.
    kind = torch.float32 if pixels.device.type == "mps" else torch.float64
    flat = pixels.flatten(2)
    low, high = flat.amin(2, keepdim=True).to(kind), flat.amax(2, keepdim=True).to(kind)
    levels = _levels(pixels)
    scale = torch.full_like(low, 255) / (high - low)
    stretched = (levels * scale + -low * scale).clamp_(0, 255)
    curves = torch.where(high > low, stretched, levels.to(kind)).int().byte()
    return curves.gather(2, flat.long()).view_as(pixels)


def equalized(pixels: Pixels) -> Pixels:
    """Let each channel have about as many pixels of each level."""
    flat = pixels.flatten(2)
    places = flat.long()
    one = torch.ones((), dtype=torch.int32, device=pixels.device).expand_as(places)
    counts = one.new_zeros(*flat.shape[:2], 256).scatter_add_(2, places, one)
    brightest = counts.gather(2, flat.amax(2, keepdim=True).long())
    step = (flat.shape[2] - brightest) // 255
    below = counts.cumsum(2, dtype=torch.int32) - counts
    spread = ((below + step // 2) // step.clamp(min=1)).clamp_(max=255)
    curves = torch.where(step > 0, spread, _levels(pixels)).byte()
    return curves.gather(2, places).view_as(pixels)


def _levels(pixels: Pixels) -> Tensor:
    return torch.arange(256, dtype=torch.int32, device=pixels.device)
