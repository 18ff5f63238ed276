"""Activations by name, for specs."""

from enum import StrEnum

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import hardswish, silu


class Activation(StrEnum):
    """What follows a norm."""

    RELU = "relu"
    HARD_SWISH = "hard swish"
    SWISH = "swish"

    def layer(self) -> nn.Module:
        """A new module, which writes over its input where that is faster."""
        swish = HardSwish() if self is Activation.HARD_SWISH else Swish()
        return nn.ReLU(inplace=True) if self is Activation.RELU else swish


class Swish(nn.SiLU):
    """x * sigmoid(x), written over x unless a gradient is wanted, for which x would have to be copied first."""

    def forward(self, input: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The input times a gate from 0 to 1."""
        return silu(input, inplace=not torch.is_grad_enabled())


class HardSwish(nn.Hardswish):
    """x * clip(x + 3, 0, 6) / 6, written over x in the same way; Howard et al. 2019, arXiv:1905.02244, sec. 5.2."""

    def forward(self, input: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The input times a gate from 0 to 1."""
        return hardswish(input, inplace=not torch.is_grad_enabled())
