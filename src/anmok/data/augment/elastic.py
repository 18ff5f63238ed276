"""Elastic deformation: an image, and what goes with it, as if printed on rubber."""

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from anmok.data.augment.geometry import whole
from anmok.data.draws import Draws
from anmok.shapes import Pixels

GRID = 3  # points along each side of the image that are moved at random


def deformed(layers: Pixels, draws: Draws, sigma: float, *, labels: int | None = None) -> Pixels:
    """Move the pixels of each image smoothly: levels are interpolated, the ids of a layer `labels` are the nearest's.

    Ronneberger et al. 2015, arXiv:1505.04597, sec. 3.1: random displacements of `sigma` pixels (there 10) on a grid
    of 3 x 3 points, and bicubic interpolation between them. (Simard et al. 2003 smooth a random vector of every
    pixel.) The grid reaches from corner to corner; what lies outside the image is its mirrored inside.
    """
    height, width = layers.shape[2:]
    field = displacements(draws, sigma, height, width).to(layers.device)
    rows, columns = (torch.arange(side, device=layers.device, dtype=field.dtype) for side in (height, width))
    moved = torch.stack((field[:, 1] + columns, field[:, 0] + rows[:, None]), dim=3)
    ends = moved.new_tensor([max(width - 1, 1), max(height - 1, 1)])
    places = moved * 2 / ends - 1  # the coordinates of grid_sample, -1 and 1 being the middles of outermost pixels
    images = functional.grid_sample(layers.float(), places, padding_mode="reflection", align_corners=True)
    result = whole(images.add_(0.5).clamp_(0, 255))
    if labels is None:
        return result
    ids = layers[:, labels : labels + 1].float()
    ids = functional.grid_sample(ids, places, mode="nearest", padding_mode="reflection", align_corners=True)
    result[:, labels : labels + 1] = whole(ids)
    return result


def displacements(draws: Draws, sigma: float, height: int, width: int) -> Float[Tensor, "b 2 height width"]:
    """How far down and how far right from each pixel its new level is found, in pixels."""
    vectors = np.stack([draws.normal() for _ in range(2 * GRID * GRID)], axis=1)
    grid = rearrange(torch.from_numpy(vectors).float(), "b (yx h w) -> b yx h w", yx=2, h=GRID, w=GRID)
    return functional.interpolate(sigma * grid, (height, width), mode="bicubic", align_corners=True)
