"""The pool of networks that began in Caffe."""

from math import inf

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad

from anmok.shapes import FeatureMap


class CeilMaxPool(nn.MaxPool2d):
    """The largest of each window, two places apart; the last window may reach over the border by one place."""

    def __init__(self, window: int) -> None:
        super().__init__(window, stride=2, ceil_mode=True)

    def forward(self, input: FeatureMap) -> Float[Tensor, "b c rows columns"]:
        """A map of half the size, an odd one rounded up where the window is 2, down where it is 3."""
        if torch.compiler.is_exporting():  # torch.export cannot follow `ceil_mode` where the size is left open
            return max_pool2d(pad(input, (0, 1, 0, 1), value=-inf), self.kernel_size, stride=2)
        return super().forward(input)
