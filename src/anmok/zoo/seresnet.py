"""SE-ResNet: each residual branch ends in a gate that weighs its channels by what the whole map holds.

Hu et al. 2017, "Squeeze-and-Excitation Networks", arXiv:1709.01507. Gate: eq. 2-4 and fig. 3; variants: table 2.
SE-ResNeXt's 3x3 convolutions are in groups (Xie et al. 2016, arXiv:1611.05431, table 1).
Two forms, each equal to the timm model of its name: `legacy_*` is the authors' (stride of a bottleneck in its first
1x1 but for ResNeXt, pooling as in Caffe), `seresne*` keeps the stride in the 3x3. 18 and 34 layers are timm's.
Departs from the paper: the last norm of each branch starts at zero, as in our ResNet.
"""

from dataclasses import dataclass, replace
from functools import partial

from einops.layers.torch import Reduce
from torch import nn

from anmok.backbone import Architecture, Backbone, ImageSizes, Kind, Paper, linear_head
from anmok.errors import SpecError
from anmok.layers import SqueezeExcite
from anmok.zoo.resnet import (
    BOTTLENECKS,
    ResNetSpec,
    basic_branch,
    bottleneck_branch,
    build_stages,
    build_stem,
    initialise,
)


@dataclass(frozen=True, kw_only=True)
class SEResNetSpec(ResNetSpec):
    """Numbers of one variant."""

    reduction: int = 16  # "r": channels per hidden channel of the gate
    least_hidden: int = 1  # channels of the gate's hidden layer at least
    groups: int = 1  # "C" of ResNeXt: of the 3x3 convolutions
    group_width: int = 64  # "d" of ResNeXt: channels of each group in a stage of width 64
    pool_ceil: bool = False  # the stem's pool rounds sizes up and pads nothing, as Caffe's
    gate_rectified: bool = False  # the gate sees, and scales, the rectified branch

    def __post_init__(self) -> None:
        if self.expansion == 1 and (self.groups, self.group_width) != (1, 64):
            raise SpecError(
                f"Only bottlenecks convolve in groups: got groups={self.groups}, group_width={self.group_width} "
                "and expansion=1. Leave them out."
            )
        if self.pool_ceil and not self.stem_pool:
            raise SpecError("pool_ceil is the stem's pool's: got stem_pool=False. Leave it out.")
        super().__post_init__()

    @property
    def image_sizes(self) -> ImageSizes:
        """Without padding, the pool needs two places."""
        return ImageSizes(minimum=3 if self.pool_ceil else 1)


def _build_branch(spec: SEResNetSpec, width_in: int, width: int, stride: int) -> nn.Module:
    width_out = spec.expansion * width
    if spec.expansion == 1:
        branch = basic_branch(width_in, width, stride)
    else:
        inside = spec.groups * (width * spec.group_width // 64)
        strides = (stride, 1) if spec.stride_first else (1, stride)
        branch = bottleneck_branch(width_in, inside, width_out, strides, spec.groups)
    if spec.gate_rectified:
        branch.add_module("rectify", nn.ReLU(inplace=True))
    branch.add_module("gate", SqueezeExcite(width_out, max(spec.least_hidden, width_out // spec.reduction)))
    return branch


class SEResNet(Backbone):
    """A ResNet whose branches are gated."""

    def __init__(self, spec: SEResNetSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self.stem = build_stem(spec, in_chans)
        self.stages = build_stages(spec, partial(_build_branch, spec))
        if spec.pool_ceil:
            self.stages[0].pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.pool = Reduce("b c h w -> b c", "mean")
        self.head = linear_head(spec.embedding_width, num_classes)
        self.apply(initialise)


BASIC = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


def _presets() -> dict[str, SEResNetSpec]:
    presets = {}
    for n, depths in BASIC.items():
        presets[f"seresnet{n}"] = SEResNetSpec(depths=depths, least_hidden=8)
        presets[f"legacy_seresnet{n}"] = SEResNetSpec(depths=depths, pool_ceil=True, gate_rectified=True)
    for n, depths in BOTTLENECKS.items():
        presets[f"seresnet{n}"] = SEResNetSpec(depths=depths, expansion=4)
        presets[f"legacy_seresnet{n}"] = SEResNetSpec(depths=depths, expansion=4, stride_first=True, pool_ceil=True)
    for n in (50, 101):
        wide = SEResNetSpec(depths=BOTTLENECKS[n], expansion=4, groups=32, group_width=4)
        presets[f"seresnext{n}_32x4d"] = wide
        presets[f"legacy_seresnext{n}_32x4d"] = replace(wide, pool_ceil=True)
    return presets


ARCHITECTURE = Architecture(
    model=SEResNet,
    kind=Kind.CNN,
    paper=Paper(title="Squeeze-and-Excitation Networks", authors="Hu et al.", year=2017, arxiv="1709.01507"),
    bias=(
        "That of a ResNet, and one look at the whole in every block: what the image holds on average decides which "
        "channels count, so that early filters already know in what surroundings they are."
    ),
    presets=_presets(),
    ours={
        "seresnet_nano": SEResNetSpec(
            depths=(1, 1, 1, 1),
            widths=(32, 64, 128, 212),
            least_hidden=8,
            stem_kernel=3,
            stem_pool=False,
            img_size=(32, 32),
        ),
    },
)
