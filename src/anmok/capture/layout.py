"""Which axes of an activation are places: feature maps out of whatever a module puts out."""

from collections.abc import Mapping
from math import isqrt
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from anmok.layers import TokenGrid
from anmok.shapes import FeatureMap

_MOST_PREFIX = 8  # class and register tokens
_ABOUT = 1.25  # times longer than wide


def as_tensor(output: Any) -> Tensor | None:
    """The tensor in a module's output: itself, a grid's tokens, the first of several; None where there is none."""
    if isinstance(output, TokenGrid):
        return output.tokens
    if isinstance(output, Mapping):
        output = tuple(output.values())
    if isinstance(output, tuple | list) and output:
        return as_tensor(output[0])
    return output if isinstance(output, Tensor) else None


def as_map(output: Any, size: tuple[int, int], *, batch: int | None = None) -> FeatureMap | None:
    """View an output as (b, c, h, w), where `size` is the image's; None for an output without places.

    Four axes are channels first or last, by which two have the image's proportions; three are tokens in row order
    after a few that have no place (class, registers). With `batch`, the number of images, the batch may be the
    second of three axes, and an output that has it in neither place has no places.
    """
    if isinstance(output, TokenGrid):
        return output.map() if output.height * output.width > 1 else None
    x = as_tensor(output)
    if x is None or not x.is_floating_point() or x.ndim not in (3, 4):
        return None
    if batch is not None and x.shape[0] != batch:
        if x.ndim != 3 or x.shape[1] != batch:
            return None
        x = x.transpose(0, 1)
    return _of_four(x, size) if x.ndim == 4 else _of_three(x, size)


def grid_of(tokens: int, size: tuple[int, int]) -> tuple[int, int, int] | None:
    """Tokens without a place, rows and columns of a number of tokens; None where no grid of the image fits.

    Of several grids the one with the squarest places, and then the one with the fewest tokens beside it.
    """
    height, width = size
    fitting = []
    for prefix in range(min(_MOST_PREFIX, tokens - 1) + 1):
        rows = isqrt((tokens - prefix) * height // width)
        for r in (rows, rows + 1):
            columns = (tokens - prefix) // r if r else 0
            if r * columns == tokens - prefix and is_proportional((r, columns), size):
                fitting.append((round(stretch((r, columns), size), 6), prefix, r, columns))
    return min(fitting)[1:] if fitting else None


def is_proportional(grid: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether each place stands for as many pixels along both axes, and for half of one at least.

    Up to a quarter, or up to what rounding the places of both axes down, or up, does to few of them.
    """
    if min(grid) < 1 or any(2 * side < places for side, places in zip(size, grid, strict=True)):
        return False
    exact, less, more = ([side / max(n + off, 0.5) for side, n in zip(size, grid, strict=True)] for off in (0, -1, 1))
    return stretch(grid, size) <= _ABOUT or max(more) < min(exact) or (max(exact) < min(less))


def stretch(grid: tuple[int, int], size: tuple[int, int]) -> float:
    """How many times longer a place is along one axis than along the other."""
    down, across = (side / places for side, places in zip(size, grid, strict=True))
    return max(down / across, across / down)


def flatten_places(map: FeatureMap) -> Tensor:
    """(b, c, h, w) -> (b * h * w, c)."""
    return rearrange(map, "b c h w -> (b h w) c")


def pixel_centres(places: int, side: float) -> Tensor:
    """Where `places` cells along a side of so many pixels have their centres, pixels."""
    return (torch.arange(places, dtype=torch.float64) + 0.5) * side / places - 0.5


def _of_three(x: Tensor, size: tuple[int, int]) -> FeatureMap | None:
    prefix, height, width = grid_of(x.shape[1], size) or (0, 0, 0)
    return rearrange(x[:, prefix:], "b (h w) c -> b c h w", h=height, w=width) if height * width > 1 else None


def _of_four(x: Tensor, size: tuple[int, int]) -> FeatureMap | None:
    """Channels first where both fit alike."""
    _, first, second, third = x.shape
    ways = {"b c h w -> b c h w": (second, third), "b h w c -> b c h w": (first, second)}
    fitting = {way: grid for way, grid in ways.items() if is_proportional(grid, size)}
    if not fitting:
        return None
    way = min(fitting, key=lambda way: round(stretch(fitting[way], size), 6))
    return rearrange(x, way) if fitting[way][0] * fitting[way][1] > 1 else None
