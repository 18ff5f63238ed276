"""Deformable convolution: at every place, learnt offsets say where each tap of the filter looks."""

from collections.abc import Sequence
from typing import TypeAlias

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import conv2d, grid_sample

from anmok.errors import SpecError
from anmok.layers.conv2d import Conv2d
from anmok.shapes import FeatureMap

Pair: TypeAlias = int | tuple[int, int]  # for rows and for columns
Offsets: TypeAlias = Float[Tensor, "b shifts rows columns"]
Mask: TypeAlias = Float[Tensor, "b gains rows columns"]
Weight: TypeAlias = Float[Tensor, "d inner height width"]
NewMap: TypeAlias = Float[Tensor, "b d rows columns"]


def deform_conv2d(  # noqa: PLR0913 - a convolution has that many numbers
    x: FeatureMap,
    offsets: Offsets,
    weight: Weight,
    bias: Float[Tensor, " d"] | None = None,
    *,
    mask: Mask | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
) -> NewMap:
    """At place p the sum over taps k of weight_k · mask_k(p) · x(p + k + offset_k(p)).

    Dai et al. 2017, arXiv:1703.06211, eq. 2-4; with a mask Zhu et al. 2018, arXiv:1811.11168, eq. 1. Between places
    x is bilinear, outside the map zero. Channels of `offsets` run over offset groups, taps in row order, and (down,
    right), in places of x; those of `mask` over offset groups and taps. All this is as in torchvision.
    """
    kernel, size = weight.shape[2:], offsets.shape[2:]
    taps = kernel[0] * kernel[1]
    offset_groups = offsets.shape[1] // (2 * taps)
    axes = list(zip(kernel, size, _pair(stride), _pair(padding), _pair(dilation), strict=True))
    _check_shapes(x, offsets, mask, axes)
    dtype = torch.promote_types(x.dtype, torch.float32)  # half precision cannot tell a place from its neighbour
    rows, columns = (_regular(axis, x.device).to(dtype) for axis in axes)
    shifts = rearrange(offsets, "b (g k two) h w -> two (b g) k (h w)", k=taps, two=2).to(dtype)
    down = shifts[0] + repeat(rows, "k h -> (k l) (h w)", l=kernel[1], w=size[1])
    right = shifts[1] + repeat(columns, "l w -> (k l) (h w)", k=kernel[0], h=size[0])
    # Sampling counts from -1 to 1 between the outer edges of the map.
    grid = torch.stack(((2 * right + 1) / x.shape[3] - 1, (2 * down + 1) / x.shape[2] - 1), dim=-1)
    maps = rearrange(x, "b (g c) h w -> (b g) c h w", g=offset_groups).to(dtype)
    samples = grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    if mask is not None:
        samples = samples * rearrange(mask, "b (g k) h w -> (b g) 1 k (h w)", k=taps).to(dtype)
    samples = rearrange(samples, "(b g) c k n -> b (g c) k n", g=offset_groups).to(x.dtype)
    # Each column holds the taps of one place, so that an ordinary convolution weighs them: faster than a product.
    filters = rearrange(weight, "d c k l -> d c (k l) 1")
    y = conv2d(samples, filters, bias, groups=x.shape[1] // weight.shape[1])
    return rearrange(y, "b d 1 (h w) -> b d h w", h=size[0])


class DeformConv(nn.Module):
    """A convolution, and another one that says where each of its taps looks, and how much that counts if `modulated`.

    The other one starts at zero and has its input, kernel and stride: at first this is an ordinary convolution, its
    answer halved if modulated (sigmoid(0) = 0.5). Where weights are fine-tuned, the papers let `offset` learn at the
    others' rate (2017, sec. 2.1), and with modulation at a tenth of it (2018, sec. 3.2).
    """

    def __init__(  # noqa: PLR0913 - a convolution has that many numbers
        self,
        width_in: int,
        width_out: int,
        kernel: Pair,
        *,
        stride: Pair = 1,
        padding: Pair = 0,
        dilation: Pair = 1,
        groups: int = 1,
        offset_groups: int = 1,
        modulated: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if width_in % offset_groups:
            raise SpecError(
                f"Offset groups have equal shares of the input's channels: got {width_in} channels and "
                f"{offset_groups} groups. Choose a number that divides {width_in}."
            )
        regular = Conv2d(width_in, width_out, kernel, stride, padding, dilation, groups, bias)
        self.weight, self.bias = regular.weight, regular.bias
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.shifts = 2 * offset_groups * self.weight[0, 0].numel()
        channels = self.shifts * 3 // 2 if modulated else self.shifts
        self.offset = Conv2d(width_in, channels, kernel, stride, padding, dilation)
        for parameter in self.offset.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: FeatureMap) -> NewMap:
        """The map, convolved."""
        offsets = self.offset(x)
        mask = offsets[:, self.shifts :].sigmoid() if offsets.shape[1] > self.shifts else None
        return deform_conv2d(
            x,
            offsets[:, : self.shifts],
            self.weight,
            self.bias,
            mask=mask,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
        )


def _regular(axis: tuple[int, ...], device: torch.device) -> Int[Tensor, "kernel size"]:
    """Where the taps of an ordinary convolution look along one axis."""
    kernel, size, stride, padding, dilation = axis
    taps, places = torch.arange(kernel, device=device), torch.arange(size, device=device)
    return dilation * taps[:, None] + stride * places - padding


def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _check_shapes(x: Tensor, offsets: Tensor, mask: Tensor | None, axes: Sequence[tuple[int, ...]]) -> None:
    taps = axes[0][0] * axes[1][0]
    if offsets.shape[1] % (2 * taps) or (mask is not None and 2 * mask.shape[1] != offsets.shape[1]):
        gains = "no mask" if mask is None else f"a mask of {mask.shape[1]}"
        raise SpecError(
            f"A filter with {taps} taps has {2 * taps} channels of offsets per group, and half as many of a mask: "
            f"got offsets of {offsets.shape[1]} and {gains}. Give both in these numbers."
        )
    expected = tuple(
        (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        for side, (kernel, _, stride, padding, dilation) in zip(x.shape[2:], axes, strict=True)
    )
    if tuple(offsets.shape[2:]) != expected:
        given = " x ".join(map(str, offsets.shape[2:]))
        raise SpecError(
            f"Offsets are given for every place of the output, {expected[0]} x {expected[1]}: got {given}. "
            "Compute them with the same stride, padding and dilation."
        )
