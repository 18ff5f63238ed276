"""The usual layer of a convolutional network."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from anmok.layers.conv2d import Conv2d
from anmok.layers.linear import runs_on_onednn

_LARGE = 2**16  # numbers of a map, from which on a norm takes longer than putting it into the filters


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch norm, perhaps an activation: parts `conv`, `norm`, `act`.

    Zeros are padded so that stride 1 keeps the size of the map (odd kernels). Outside training, on a CPU, the norm is
    part of the filters wherever they are much fewer than the places that it would visit.
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
        self.conv = Conv2d(width_in, width_out, size, stride, padding, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(width_out, eps)
        if act is not None:
            self.act = act()

    def forward(self, input: Tensor) -> Tensor:
        """The filtered, normalised, activated map."""
        conv: Any = self.conv
        norm: Any = self.norm
        if not self._folds(input):
            return super().forward(input)  # type: ignore[no-untyped-call]
        scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
        shift = norm.bias - norm.running_mean * scale
        y = conv.filter(input, conv.weight * scale[:, None, None, None], shift)
        return self.act(y) if hasattr(self, "act") else y

    def _folds(self, x: Tensor) -> bool:
        if self.training or torch.is_grad_enabled() or not runs_on_onednn(x):
            return False
        parts = type(self.conv) is Conv2d and type(self.norm) is nn.BatchNorm2d
        heard = any(part._forward_hooks or part._forward_pre_hooks for part in (self.conv, self.norm))
        return parts and not heard and x.numel() >= max(_LARGE, 8 * self.conv.weight.numel())
