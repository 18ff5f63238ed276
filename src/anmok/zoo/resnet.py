"""ResNet: layers learn what to add to their input, so that very deep networks still train.

He et al. 2015, "Deep Residual Learning for Image Recognition", arXiv:1512.03385. Blocks: fig. 5; variants:
table 1 (ImageNet) and sec. 4.2 (CIFAR, and the same nets without shortcuts: "plain").
Departs from the paper: the bottleneck's stride is in its 3x3 convolution, not in the first 1x1 (known as v1.5;
4.09 in place of 3.86 G MACs), and the last norm of each residual branch starts at zero (Goyal et al. 2017,
arXiv:1706.02677, sec. 5.1), both as in timm, whose logits are equal.
"""

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from einops.layers.torch import Reduce
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from anmok.backbone import Architecture, Backbone, FeatureShape, Kind, Paper, Spec, linear_head
from anmok.errors import SpecError
from anmok.layers import DropPath, drop_path_rates
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
    stem_kernel: int = 7
    stem_stride: int = 2
    stem_pool: bool = True  # 3x3 maximum with stride 2
    shortcut: Shortcut = Shortcut.PROJECT
    drop_path_rate: float = 0.0  # at the last block

    def __post_init__(self) -> None:
        self.check_stages("depths", "widths")
        if self.shortcut is Shortcut.NONE and self.drop_path_rate:
            raise SpecError(
                f"A plain net has no residual branch to drop: got drop_path_rate={self.drop_path_rate}. Leave it out."
            )
        super().__post_init__()

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """The first stage keeps the stem's stride; each later one doubles it."""
        stride = self.stem_stride * (2 if self.stem_pool else 1)
        return tuple(FeatureShape(self.expansion * w, stride * 2**i) for i, w in enumerate(self.widths))


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
        change = self.drop_path(self.branch(x))
        return relu(change if self.shortcut is None else change + self.shortcut(x))


def _basic_branch(width_in: int, width: int, stride: int) -> nn.Module:
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(width_in, width, 3, stride, padding=1, bias=False),
            norm1=nn.BatchNorm2d(width),
            act1=nn.ReLU(inplace=True),
            conv2=nn.Conv2d(width, width, 3, padding=1, bias=False),
            norm2=nn.BatchNorm2d(width),
        )
    )


def _bottleneck_branch(width_in: int, width: int, width_out: int, stride: int) -> nn.Module:
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(width_in, width, 1, bias=False),
            norm1=nn.BatchNorm2d(width),
            act1=nn.ReLU(inplace=True),
            conv2=nn.Conv2d(width, width, 3, stride, padding=1, bias=False),
            norm2=nn.BatchNorm2d(width),
            act2=nn.ReLU(inplace=True),
            conv3=nn.Conv2d(width, width_out, 1, bias=False),
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
    conv = nn.Conv2d(width_in, width_out, 1, stride, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(width_out)))


class ResNet(Backbone):
    """Stages of residual blocks; the first block of each later stage halves the map."""

    def __init__(self, spec: ResNetSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        width_in = spec.widths[0]
        conv = nn.Conv2d(in_chans, width_in, spec.stem_kernel, spec.stem_stride, spec.stem_kernel // 2, bias=False)
        self.stem = nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(width_in), act=nn.ReLU(inplace=True)))
        if spec.stem_pool:
            self.stem.add_module("pool", nn.MaxPool2d(3, stride=2, padding=1))
        self.stages = nn.ModuleList()
        for width, rates in zip(spec.widths, drop_path_rates(spec.depths, spec.drop_path_rate), strict=True):
            blocks = nn.Sequential()
            for rate in rates:
                stride = 2 if self.stages and not blocks else 1
                blocks.append(_block(spec, width_in, width, stride, rate))
                width_in = spec.expansion * width
            self.stages.append(blocks)
        self.pool = Reduce("b c h w -> b c", "mean")
        self.head = linear_head(width_in, num_classes)
        self.apply(_initialise)


def _block(spec: ResNetSpec, width_in: int, width: int, stride: int, drop_path: float) -> ResidualBlock:
    width_out = spec.expansion * width
    if spec.expansion == 1:
        branch = _basic_branch(width_in, width, stride)
    else:
        branch = _bottleneck_branch(width_in, width, width_out, stride)
    return ResidualBlock(branch, _shortcut(spec.shortcut, width_in, width_out, stride), drop_path=drop_path)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    if isinstance(module, ResidualBlock) and module.shortcut is not None:
        last = [m for m in module.branch.modules() if isinstance(m, nn.BatchNorm2d)][-1]
        nn.init.zeros_(last.weight)


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
        "resnet50": ResNetSpec(depths=(3, 4, 6, 3), expansion=4),
        **{f"cifar_resnet{n}": _cifar(n, Shortcut.PAD) for n in (20, 32, 44, 56)},
        **{f"cifar_plain{n}": _cifar(n, Shortcut.NONE) for n in (20, 32, 44, 56)},
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
