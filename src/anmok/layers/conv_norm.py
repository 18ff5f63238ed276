"""The usual layer of a convolutional network."""

from collections.abc import Callable

from torch import nn

from anmok.layers.depthwise import DepthwiseConv2d


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch norm, perhaps an activation: parts `conv`, `norm`, `act`.

    Zeros are padded so that stride 1 keeps the size of the map (odd kernels).
    """

    def __init__(  # noqa: PLR0913 - a convolution has that many numbers
        self,
        width_in: int,
        width_out: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        groups: int = 1,
        act: Callable[[], nn.Module] | None = None,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        size = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (size[0] // 2, size[1] // 2)
        kind = DepthwiseConv2d if groups == width_in == width_out else nn.Conv2d
        self.conv = kind(width_in, width_out, size, stride, padding, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(width_out, eps)
        if act is not None:
            self.act = act()
