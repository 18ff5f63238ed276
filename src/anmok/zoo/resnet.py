"""ResNet: layers learn what to add to their input, so that very deep networks still train.

He et al. 2015, "Deep Residual Learning for Image Recognition", arXiv:1512.03385. Blocks: fig. 5; variants:
table 1 (ImageNet) and sec. 4.2 (CIFAR, and the same nets without shortcuts: "plain").
Departs from the paper: except in the presets `*_v1`, a bottleneck's stride is in its 3x3 convolution, not in the
first 1x1 (known as v1.5; 4.09 in place of 3.86 G MACs for 50 layers), and the last norm of each residual branch
starts at zero (Goyal et al. 2017, arXiv:1706.02677, sec. 5.1), both as in timm, whose logits are equal.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TypeAlias

from einops.layers.torch import Reduce
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from anmok.backbone import Architecture, Backbone, FeatureShape, Kind, Paper, Spec, linear_head
from anmok.errors import SpecError
from anmok.layers import Conv2d, DropPath, drop_path_rates
from anmok.shapes import FeatureMap


class Shortcut(StrEnum):
    """What is added to a block's output where its shape changes (sec. 4.1)."""

    NONE = "none"  # nothing is ever added: a plain net
    PAD = "pad"  # option A: every second place, new channels zero
    PROJECT = "project"  # option B: a 1x1 convolution


@dataclass(frozen=True, kw_only=True)
class ResNetSpec(Spec):
    """Numbers of one variant."""

    depths: tuple[int, ...]  # blocks per stage
    widths: tuple[int, ...] = (64, 128, 256, 512)  # channels of the 3x3 convolutions per stage
    expansion: int = 1  # channels of the output per channel inside: above 1, blocks are bottlenecks
    stride_first: bool = False  # a bottleneck's stride is in its first convolution, as in the paper; else in its 3x3
    stem_kernel: int = 7
    stem_stride: int = 2
    stem_pool: bool = True  # 3x3 maximum with stride 2
    shortcut: Shortcut = Shortcut.PROJECT
    drop_path_rate: float = 0.0  # at the last block

    def __post_init__(self) -> None:
        self.check_stages("depths", "widths")
        if self.stride_first and self.expansion == 1:
            raise SpecError("stride_first is a bottleneck's: got expansion=1. Leave it out.")
        if self.shortcut is Shortcut.NONE and self.drop_path_rate:
            raise SpecError(
                f"A plain net has no residual branch to drop: got drop_path_rate={self.drop_path_rate}. Leave it out."
            )
        super().__post_init__()

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """The first stage starts with the pool, if there is one; each later one halves the map."""
        stride = self.stem_stride * (2 if self.stem_pool else 1)
        return tuple(FeatureShape(self.expansion * w, stride * 2**i) for i, w in enumerate(self.widths))

    @property
    def stem_shape(self) -> FeatureShape:
        """Before the pool."""
        return FeatureShape(self.widths[0], self.stem_stride)


class PadShortcut(nn.Module):
    """Option A: every second row and column, and zeros on both sides of the channels."""

    def __init__(self, stride: int, new_channels: int) -> None:
        super().__init__()
        self.stride = stride
        self.before, self.after = new_channels // 2, new_channels - new_channels // 2

    def forward(self, x: FeatureMap) -> Float[Tensor, "b d rows columns"]:
        """The input in the shape of the output."""
        return pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.before, self.after))


class ResidualBlock(nn.Module):
    """A branch of convolutions, added to its input and rectified."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None, *, drop_path: float) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut
        self.drop_path = DropPath(drop_path)

    def forward(self, x: FeatureMap) -> Float[Tensor, "b d rows columns"]:
        """The rectified sum; without a shortcut, the rectified branch."""
        y = self.drop_path(self.branch(x))
        if self.shortcut is not None:
            y += self.shortcut(x)  # in place: nothing in a branch needs its output to find a gradient
        return y.relu_()


BranchBuilder: TypeAlias = Callable[[int, int, int], nn.Module]  # input channels, channels inside, stride -> branch


def build_branch(spec: ResNetSpec, width_in: int, width: int, stride: int) -> nn.Sequential:
    """The convolutions of one block."""
    if spec.expansion == 1:
        return basic_branch(width_in, width, stride)
    strides = (stride, 1) if spec.stride_first else (1, stride)
    return bottleneck_branch(width_in, width, spec.expansion * width, strides)


def basic_branch(width_in: int, width: int, stride: int) -> nn.Sequential:
    """Two 3x3 convolutions (fig. 5, left)."""
    return nn.Sequential(
        OrderedDict(
            conv1=Conv2d(width_in, width, 3, stride, padding=1, bias=False),
            norm1=nn.BatchNorm2d(width),
            act1=nn.ReLU(inplace=True),
            conv2=Conv2d(width, width, 3, padding=1, bias=False),
            norm2=nn.BatchNorm2d(width),
        )
    )


def bottleneck_branch(
    width_in: int, width: int, width_out: int, strides: tuple[int, int], groups: int = 1
) -> nn.Sequential:
    """1x1, 3x3 and 1x1 convolutions, the first two with strides, the second in groups (fig. 5, right)."""
    return nn.Sequential(
        OrderedDict(
            conv1=Conv2d(width_in, width, 1, strides[0], bias=False),
            norm1=nn.BatchNorm2d(width),
            act1=nn.ReLU(inplace=True),
            conv2=Conv2d(width, width, 3, strides[1], padding=1, groups=groups, bias=False),
            norm2=nn.BatchNorm2d(width),
            act2=nn.ReLU(inplace=True),
            conv3=Conv2d(width, width_out, 1, bias=False),
            norm3=nn.BatchNorm2d(width_out),
        )
    )


def _shortcut(kind: Shortcut, width_in: int, width_out: int, stride: int) -> nn.Module | None:
    if kind is Shortcut.NONE:
        return None
    if stride == 1 and width_in == width_out:
        return nn.Identity()
    if kind is Shortcut.PAD:
        return PadShortcut(stride, width_out - width_in)
    conv = Conv2d(width_in, width_out, 1, stride, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(width_out)))


def build_stem(spec: ResNetSpec, in_chans: int) -> nn.Sequential:
    """Convolution, norm, rectifier."""
    width, kernel = spec.widths[0], spec.stem_kernel
    conv = Conv2d(in_chans, width, kernel, spec.stem_stride, kernel // 2, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(width), act=nn.ReLU(inplace=True)))


def build_stages(spec: ResNetSpec, build: BranchBuilder) -> nn.ModuleList:
    """Stages of residual blocks; a pool, or the first block of each later stage, halves the map."""
    stages = nn.ModuleList()
    width_in = spec.widths[0]
    for width, rates in zip(spec.widths, drop_path_rates(spec.depths, spec.drop_path_rate), strict=True):
        blocks = nn.Sequential()
        if spec.stem_pool and not stages:
            blocks.add_module("pool", nn.MaxPool2d(3, stride=2, padding=1))
        for i, rate in enumerate(rates):
            stride = 2 if stages and i == 0 else 1
            branch = build(width_in, width, stride)
            shortcut = _shortcut(spec.shortcut, width_in, spec.expansion * width, stride)
            blocks.add_module(str(i), ResidualBlock(branch, shortcut, drop_path=rate))
            width_in = spec.expansion * width
        stages.append(blocks)
    return stages


def initialise(module: nn.Module) -> None:
    """Draw convolutions as He et al. 2015, arXiv:1502.01852, and zero each residual branch; for `Module.apply`."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    if isinstance(module, ResidualBlock) and module.shortcut is not None:
        last = [m for m in module.branch.modules() if isinstance(m, nn.BatchNorm2d)][-1]
        nn.init.zeros_(last.weight)


class ResNet(Backbone):
    """A stem, then stages of residual blocks."""

    def __init__(self, spec: ResNetSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self.stem = build_stem(spec, in_chans)
        self.stages = build_stages(spec, partial(build_branch, spec))
        self.pool = Reduce("b c h w -> b c", "mean")
        self.head = linear_head(spec.embedding_width, num_classes)
        self.apply(initialise)


def _cifar(depth: int, shortcut: Shortcut) -> ResNetSpec:
    """Sec. 4.2: 6n + 2 layers with weights, n blocks per stage."""
    return ResNetSpec(
        depths=((depth - 2) // 6,) * 3,
        widths=(16, 32, 64),
        stem_kernel=3,
        stem_stride=1,
        stem_pool=False,
        shortcut=shortcut,
        img_size=(32, 32),
    )


# Blocks per stage of the nets with bottlenecks, by their number of layers (table 1).
BOTTLENECKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}

ARCHITECTURE = Architecture(
    model=ResNet,
    kind=Kind.CNN,
    paper=Paper(
        title="Deep Residual Learning for Image Recognition", authors="He et al.", year=2015, arxiv="1512.03385"
    ),
    bias=(
        "Nearby pixels belong together and a pattern means the same wherever it is: small filters slide over the "
        "whole image and the view widens layer by layer. It learns from few images and is slow to see wholes."
    ),
    presets={
        "resnet18": ResNetSpec(depths=(2, 2, 2, 2)),
        "resnet34": ResNetSpec(depths=(3, 4, 6, 3)),
        **{f"resnet{n}": ResNetSpec(depths=depths, expansion=4) for n, depths in BOTTLENECKS.items()},
        **{
            f"resnet{n}_v1": ResNetSpec(depths=depths, expansion=4, stride_first=True)
            for n, depths in BOTTLENECKS.items()
        },
        **{f"cifar_resnet{n}": _cifar(n, Shortcut.PAD) for n in (20, 32, 44, 56, 110, 1202)},
        **{f"cifar_plain{n}": _cifar(n, Shortcut.NONE) for n in (20, 32, 44, 56, 110)},
    },
    ours={
        "resnet_nano": ResNetSpec(
            depths=(1, 1, 1, 1),
            widths=(32, 64, 128, 216),
            stem_kernel=3,
            stem_pool=False,
            img_size=(32, 32),
        ),
    },
)
