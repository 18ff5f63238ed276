"""Which axes of an activation are places: feature maps out of whatever a module puts out."""

from math import isqrt
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from anmok.layers import TokenGrid
from anmok.shapes import FeatureMap

_MOST_PREFIX = 8  # class and register tokens


def as_tensor(output: Any) -> Tensor | None:
    """The tensor in a module's output: itself, a grid's tokens, the first of several; None where there is none."""
    if isinstance(output, TokenGrid):
        return output.tokens
    if isinstance(output, tuple | list) and output:
        return as_tensor(output[0])
    return output if isinstance(output, Tensor) else None


def as_map(output: Any, size: tuple[int, int]) -> FeatureMap | None:
    """View an output as (b, c, h, w), where `size` is the image's; None for an output without places.

    Four axes are channels first or last, by which two have the image's proportions; three are tokens in row order
    after a few that have no place (class, registers).
    """
    if isinstance(output, TokenGrid):
        return output.map()
    x = as_tensor(output)
    if x is None or not x.is_floating_point():
        return None
    if x.ndim == 4:
        return _of_four(x, size)
    if x.ndim == 3:
        prefix, height, width = grid_of(x.shape[1], size) or (0, 0, 0)
        return rearrange(x[:, prefix:], "b (h w) c -> b c h w", h=height, w=width) if height * width > 1 else None
    return None


def grid_of(tokens: int, size: tuple[int, int]) -> tuple[int, int, int] | None:
    """Tokens without a place, rows and columns of a number of tokens; None where no grid of the image fits."""
    height, width = size
    for prefix in range(min(_MOST_PREFIX, tokens - 1) + 1):
        rows = isqrt((tokens - prefix) * height // width)
        for r in (rows, rows + 1):
            columns = (tokens - prefix) // r if r else 0
            if r * columns == tokens - prefix and _is_proportional((r, columns), size):
                return prefix, r, columns
    return None


def _of_four(x: Tensor, size: tuple[int, int]) -> FeatureMap | None:
    _, first, second, third = x.shape
    if _is_proportional((second, third), size):
        return x if second * third > 1 else None
    if _is_proportional((first, second), size):
        return rearrange(x, "b h w c -> b c h w") if first * second > 1 else None
    return None


def _is_proportional(grid: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether each place stands for about as many pixels along both axes, and for one at least."""
    steps = [side / places if places else 0.0 for side, places in zip(size, grid, strict=True)]
    return min(steps) >= 0.5 and max(steps) / min(steps) <= 1.25


def flatten_places(map: FeatureMap) -> Tensor:
    """(b, c, h, w) -> (b * h * w, c)."""
    return rearrange(map, "b c h w -> (b h w) c")


def pixel_centres(places: int, side: int) -> Tensor:
    """Where `places` cells along a side of so many pixels have their centres, pixels."""
    return (torch.arange(places, dtype=torch.float64) + 0.5) * side / places - 0.5
