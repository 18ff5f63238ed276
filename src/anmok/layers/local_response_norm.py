"""Local response normalisation: what convolutional networks had before batch norm."""

from torch import nn
from torch.nn.functional import pad

from anmok.shapes import FeatureMap


class LocalResponseNorm(nn.Module):
    """Divide each channel by the activity of its neighbours at the same place.

    Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks", sec. 3.3:
    x_i / (k + alpha * sum over |j - i| <= 2 of x_j^2)^0.75. In PyTorch's module alpha is 5 times as large.
    """

    def __init__(self, k: float = 2.0, alpha: float = 1e-4) -> None:
        super().__init__()
        self.k = k
        self.alpha = alpha

    def forward(self, x: FeatureMap) -> FeatureMap:
        """The map, its strong places damped."""
        width = x.shape[1]
        squares = pad(x.square(), (0, 0, 0, 0, 2, 2))
        activity = squares[:, :width] + squares[:, 1 : 1 + width]
        for shift in (2, 3, 4):
            activity += squares[:, shift : shift + width]
        root = (self.k + self.alpha * activity).rsqrt()
        return x * root * root.sqrt()  # several times faster than a power of -0.75
