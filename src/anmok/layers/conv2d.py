"""A convolution that takes the fastest way on a CPU."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from anmok.layers.depthwise import depthwise_conv2d
from anmok.layers.linear import SMALL, product, runs_on_onednn
from anmok.shapes import FeatureMap


class Conv2d(nn.Conv2d):
    """`nn.Conv2d`: 1 x 1 as a product of matrices, depthwise with fast gradients, all else as torch does it."""

    def forward(self, input: FeatureMap) -> Float[Tensor, "b d rows columns"]:
        """The filtered map."""
        return self.filter(input, self.weight, self.bias)

    def filter(self, x: FeatureMap, weight: Tensor, bias: Tensor | None) -> Float[Tensor, "b d rows columns"]:
        """The map under other filters of the same shape."""
        plain = self.dilation == (1, 1) and self.padding_mode == "zeros"
        if x.device.type != "cpu" or not plain or isinstance(self.padding, str) or torch.compiler.is_compiling():
            return self._conv_forward(x, weight, bias)
        if self._is_pointwise and x.numel() * self.out_channels >= SMALL and runs_on_onednn(x):
            down, across = self.stride
            rows = rearrange(x[:, :, ::down, ::across], "b c h w -> b h w c")
            return rearrange(product(rows, weight.flatten(1), bias), "b h w d -> b d h w")
        if self.groups == self.in_channels == self.out_channels and torch.is_grad_enabled():
            y = depthwise_conv2d(x, weight, self.stride, self.padding)
            return y if bias is None else y + bias.to(y.dtype)[:, None, None]
        if weight.numel() > x.numel() and weight.is_contiguous() and not torch.is_grad_enabled():
            x = x.contiguous()  # cheaper to lay the map out as the filters are than the other way round
        return self._conv_forward(x, weight, bias)

    @property
    def _is_pointwise(self) -> bool:
        single = self.kernel_size == (1, 1) and self.groups == 1 and self.padding == (0, 0)
        return single and (self.stride == (1, 1) or not torch.is_grad_enabled())  # a gradient of strides is slow
