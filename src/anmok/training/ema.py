"""A running mean of the weights, which often answers better than the weights themselves."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from anmok.training.sharded import own


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """Keep the exponential moving mean of a network's weights and buffers; `update_parameters` after each step.

    The decay of the n-th update is at most (1 + n) / (10 + n), so that a short training is not dominated by its
    first weights (Szegedy et al. 2015, arXiv:1512.00567, sec. 8, used the mean; the ramp is TensorFlow's).
    """

    def move(means: Sequence[Tensor], values: Sequence[Tensor], updates: Tensor | int) -> None:
        share = 1 - min(decay, (1 + int(updates)) / (10 + int(updates)))
        if means[0].is_floating_point():
            torch._foreach_lerp_(own(means), own(values), share)
        else:  # counters
            torch._foreach_copy_(own(means), own(values))

    mean = AveragedModel(network, multi_avg_fn=torch.no_grad()(move), use_buffers=True)
    return mean.requires_grad_(requires_grad=False).eval()
