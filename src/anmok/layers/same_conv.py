"""TensorFlow's padding."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from anmok.layers.conv2d import Conv2d
from anmok.shapes import FeatureMap


class SameConv2d(Conv2d):
    """A convolution padded as TensorFlow's "SAME": zeros for whole steps and no more, the odd one at the end.

    With an odd kernel and stride 1 that is even padding, which a plain convolution does without a copy.
    """

    @classmethod
    def like(cls, conv: nn.Conv2d) -> "SameConv2d":
        """With the numbers of another convolution, and weights of its own."""
        (rows, columns), (down, across) = conv.kernel_size, conv.stride
        widths, bias = (conv.in_channels, conv.out_channels), conv.bias is not None
        return cls(*widths, (rows, columns), (down, across), groups=conv.groups, bias=bias)

    def forward(self, input: FeatureMap) -> Float[Tensor, "b d rows columns"]:
        """A map of 1 / stride of the height and width, rounded up."""
        sides = zip(input.shape[2:], self.kernel_size, self.stride, strict=True)
        rows, columns = (kernel - 1 - (side - 1) % stride for side, kernel, stride in sides)
        return super().forward(pad(input, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)))
