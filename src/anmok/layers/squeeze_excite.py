"""Channel attention."""

from collections.abc import Callable

from torch import nn

from anmok.layers.conv2d import Conv2d
from anmok.shapes import FeatureMap


class SqueezeExcite(nn.Module):
    """Scale every channel by a gate that sees the means of all channels.

    Hu et al. 2017, arXiv:1709.01507, eq. 2-4: gate(expand(activation(reduce(mean over places)))).
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        *,
        activation: Callable[[], nn.Module] = nn.ReLU,
        gate: Callable[[], nn.Module] = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.reduce = Conv2d(width, hidden, 1)
        self.activation = activation()
        self.expand = Conv2d(hidden, width, 1)
        self.gate = gate()

    def forward(self, x: FeatureMap) -> FeatureMap:
        """The map, its channels scaled."""
        means = x.mean((2, 3), keepdim=True)
        return x * self.gate(self.expand(self.activation(self.reduce(means))))
