"""Depthwise convolution whose gradients are fast on a CPU.

Of a filter larger than 3 x 3, torch 2.13 (oneDNN 3.12) finds the gradient on a CPU some ten times slower than a
convolution with as many multiplications; in bfloat16 also that of an input which is read with a stride. Both
gradients are convolutions, and computed as such here. Where torch is fast, it computes them.
"""

from collections.abc import Sequence
from typing import Any

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d

from anmok.layers.autocast import for_products
from anmok.shapes import FeatureMap


def depthwise_conv2d(
    x: FeatureMap, weight: Tensor, stride: Sequence[int], padding: Sequence[int]
) -> Float[Tensor, "b c rows columns"]:
    """Each channel under a filter of its own, with gradients for training; heeds bfloat16 autocast."""
    return _Filtering.apply(for_products(x), for_products(weight), stride, padding)  # type: ignore[no-untyped-call]


class _Filtering(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return conv2d(x, weight, None, tuple(stride), tuple(padding), groups=weight.shape[0])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        stride, padding = ctx.stride, ctx.padding
        wants_x, wants_weight = ctx.needs_input_grad[:2]
        single = x.dtype == torch.float32
        own_x = wants_x and max(stride) > 1 and not single
        own_weight = wants_weight and max(weight.shape[2:]) > 3 and not (single and _is_channels_last(x))
        wants = (wants_x and not own_x, wants_weight and not own_weight, False)
        grad_x = grad_weight = None
        if any(wants):
            shape = {"transposed": False, "output_padding": (0, 0), "groups": weight.shape[0]}
            grad_x, grad_weight, _ = torch.ops.aten.convolution_backward(
                grad, x, weight, None, stride, padding, (1, 1), **shape, output_mask=wants
            )
        if own_x:
            grad_x = input_gradient(grad, weight, x.shape[2:], stride, padding)
        if own_weight:
            grad_weight = filter_gradient(x, grad, weight.shape[2:], stride, padding)
        return grad_x, grad_weight, None, None


def input_gradient(
    grad: FeatureMap, weight: Tensor, size: Sequence[int], stride: Sequence[int], padding: Sequence[int]
) -> Float[Tensor, "b c height width"]:
    """Gradient of an input with this height and width: the output's, spread by the stride, under turned filters."""
    kernel = weight.shape[2:]
    sides = [n + 2 * p - k + 1 for n, p, k in zip(size, padding, kernel, strict=True)]
    layout = torch.channels_last if _is_channels_last(grad) else torch.contiguous_format
    spread = torch.empty((*grad.shape[:2], *sides), dtype=grad.dtype, memory_format=layout).zero_()
    spread[:, :, :: stride[0], :: stride[1]] = grad
    around = (kernel[0] - 1 - padding[0], kernel[1] - 1 - padding[1])
    return conv2d(spread, weight.flip(2, 3), padding=around, groups=weight.shape[0])


def filter_gradient(
    x: FeatureMap, grad: Tensor, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int]
) -> Float[Tensor, "c 1 rows columns"]:
    """Gradient of the filters: each channel of each image under the output's gradient as one large filter."""
    batch, channels = x.shape[:2]
    maps = rearrange(x, "b c h w -> 1 (b c) h w")
    filters = rearrange(grad, "b c h w -> (b c) 1 h w")
    y = conv2d(maps, filters, None, 1, tuple(padding), tuple(stride), batch * channels)
    return reduce(y[:, :, : kernel[0], : kernel[1]], "1 (b c) rows columns -> c 1 rows columns", "sum", b=batch)


def _is_channels_last(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
