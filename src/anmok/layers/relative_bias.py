"""Learnt biases of attention, one for every offset between two places of a grid."""

from typing import Literal

from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from anmok.layers.resample import resample

Table = Float[Tensor, "offsets heads"]  # row by row, from the offset (1 - rows, 1 - columns) of its grid on


def relative_bias(table: Table, built: tuple[int, int], grid: tuple[int, int]) -> Float[Tensor, "1 heads n n"]:
    """For each pair of places of a grid, what the table of a grid at least as large holds for their offset.

    Liu et al. 2021, arXiv:2103.14030, eq. 4: query (i, j) and key (k, l) have the offset (i - k, j - l). With an axis
    for the batch, since only then is attention on a CPU fused, and twice as fast.
    """
    offsets = rearrange(table, "(down across) heads -> heads down across", down=2 * built[0] - 1)
    down, across = (slice(old - new, old + new - 1) for old, new in zip(built, grid, strict=True))
    # Turned round, what a query sees is a window of the table, and the window moves against the query.
    windows = offsets[:, down, across].flip(1, 2).unfold(1, grid[0], 1).unfold(2, grid[1], 1).flip(1, 2)
    return rearrange(windows, "heads i j k l -> 1 heads (i j) (k l)")


def resample_relative_bias(
    table: Table, built: tuple[int, int], grid: tuple[int, int], mode: Literal["bilinear", "bicubic"]
) -> Float[Tensor, "others heads"]:
    """A table for another grid; antialiased where that is smaller."""
    if built == grid:
        return table
    offsets = rearrange(table, "(down across) heads -> 1 heads down across", down=2 * built[0] - 1)
    offsets = resample(offsets, (2 * grid[0] - 1, 2 * grid[1] - 1), mode)
    return rearrange(offsets, "1 heads down across -> (down across) heads")
