"""Attention rollout: how much of each token of the first block has arrived in each token of the last."""

from collections.abc import Sequence
from functools import reduce as fold

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor


def rollout(weights: Sequence[Float[Tensor, "b heads n n"]]) -> Float[Tensor, "b n n"]:
    """R = Ã_L ... Ã_1 with Ã = (A + I) / 2, A the mean over the heads of a block; every row sums to 1.

    Row q of R says from which tokens of the input token q of the last block was made. Abnar & Zuidema 2020,
    arXiv:2005.00928, section 3 (eq. 1). `weights` stand in the order of the blocks, each row a distribution.
    """
    return fold(lambda below, block: block @ below, [_with_skip(block) for block in weights])


def _with_skip(weights: Float[Tensor, "b heads n n"]) -> Float[Tensor, "b n n"]:
    """Half the mean attention and half the skip connection, rows made to sum to 1."""
    mean = reduce(weights, "b heads q k -> b q k", "mean")
    mixed = mean + torch.eye(mean.shape[-1], dtype=mean.dtype, device=mean.device)
    return mixed / mixed.sum(-1, keepdim=True)
