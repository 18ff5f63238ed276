"""Where in the image the tokens lie that attention looks from and looks at."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from anmok.capture.layout import as_tensor, grid_of, is_proportional, pixel_centres, stretch

Centres = Float[Tensor, "_ 2"]  # row and column, pixels


@dataclass(frozen=True, kw_only=True)
class AttentionGrid:
    """Queries and keys that have a place, after a few that have none (class, registers)."""

    prefix: tuple[int, int]  # queries and keys without a place
    queries: Centres
    keys: Centres  # on another grid of the same image where keys are reduced
    rows: int  # of the queries' grid
    windows: int  # per image; where there are several, places are counted from the window's corner

    @property
    def distances(self) -> Float[Tensor, "n m"]:
        """From every query to every key, pixels."""
        return torch.cdist(self.queries, self.keys)


@contextmanager
def counted_tokens(network: nn.Module) -> Iterator[set[int]]:
    """How many tokens or places the outputs of the modules have that run inside."""
    found: set[int] = set()

    def count(*call: Any) -> None:
        x = as_tensor(call[-1])
        if x is not None and x.ndim >= 3:
            found.add(x.shape[1:-1].numel())
            found.update(x.shape[:1] if x.ndim == 3 else [x.shape[2:].numel()])

    with ExitStack() as hooks:
        for module in network.modules():
            hooks.callback(module.register_forward_hook(count).remove)
        yield found


def attention_grid(
    weights: Float[Tensor, "b heads n m"], images: int, size: tuple[int, int], tokens: set[int]
) -> AttentionGrid | None:
    """The grid of weights for so many images of a size; None where they are not among places.

    More weights than images are windows of one size, side by side, that tile the image, or else heads that have no
    axis of their own. What no module puts out (`tokens`, of `counted_tokens`) is no token: channels may attend too.
    """
    first, _, n, m = weights.shape
    windows = first // images
    if first % images or (windows > 1 and n != m) or not {n, n * windows} & tokens:
        return None
    if windows > 1 and (tiled := _in_windows(windows, n, size)):
        return tiled
    queries, keys = grid_of(n, size), grid_of(m, size)
    if queries is None or keys is None:
        return None
    (prefix, *grid), (key_prefix, *key_grid) = queries, keys
    places, key_places = (_centres((rows, columns), size) for rows, columns in (grid, key_grid))
    return AttentionGrid(prefix=(prefix, key_prefix), queries=places, keys=key_places, rows=grid[0], windows=1)


def _in_windows(windows: int, n: int, size: tuple[int, int]) -> AttentionGrid | None:
    """Square windows, or such of the image's proportions, side by side in rows and columns that fill the image.

    Where a map was padded to whole windows, that makes its places smaller than they are.
    """
    for shape in ((2 * n, 2 * n), size):
        prefix, down, across = grid_of(n, shape) or (1, 0, 0)
        whole = [(r * down, windows // r * across) for r in range(1, windows + 1) if windows % r == 0]
        grid = min(whole, key=lambda grid: stretch(grid, size)) if not prefix else (0, 0)
        if is_proportional(grid, size):
            sides = (down * size[0] / grid[0], across * size[1] / grid[1])
            centres = _centres((down, across), sides)
            return AttentionGrid(prefix=(0, 0), queries=centres, keys=centres, rows=down, windows=windows)
    return None


def _centres(grid: tuple[int, int], size: tuple[float, float]) -> Centres:
    rows, columns = (pixel_centres(places, side) for places, side in zip(grid, size, strict=True))
    return torch.cartesian_prod(rows, columns)
