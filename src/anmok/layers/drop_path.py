"""Stochastic depth: whole residual branches are left out at random while training."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn


class DropPath(nn.Module):
    """Zero a residual branch for single images with probability `rate`, and scale the others by 1 / (1 - rate).

    Huang et al. 2016, arXiv:1603.09382, sec. 3, drawn per image. The expectation is the branch itself, so
    nothing changes in eval mode.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The branch, of some images zero."""
        if self.rate == 0 or not self.training:
            return branch
        keep = 1 - self.rate
        kept = branch.new_empty(branch.shape[0], *[1] * (branch.ndim - 1)).bernoulli_(keep)
        return branch * (kept / keep)

    def extra_repr(self) -> str:
        """The rate, for printing."""
        return f"rate={self.rate:.3g}"


def drop_path_rates(depths: Sequence[int], last: float) -> list[list[float]]:
    """One rate per block of each stage, rising linearly from 0 to `last` over all blocks.

    Huang et al. 2016, arXiv:1603.09382, eq. 4, but with 0 at the first block, as is usual since DeiT.
    """
    steps = max(sum(depths) - 1, 1)
    starts = [sum(depths[:i]) for i in range(len(depths))]
    return [
        [last * block / steps for block in range(start, start + depth)]
        for start, depth in zip(starts, depths, strict=True)
    ]
