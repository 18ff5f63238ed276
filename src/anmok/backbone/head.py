"""The last layer."""

from torch import nn

from anmok.layers import Linear


def linear_head(width: int, num_classes: int) -> nn.Module:
    """The usual head: a linear layer, or nothing where there are no classes."""
    return Linear(width, num_classes) if num_classes else nn.Identity()
