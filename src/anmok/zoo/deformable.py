"""Deformable ResNet: where the filters of the last stages look is learnt, and differs from image to image.

Dai et al. 2017, "Deformable Convolutional Networks", arXiv:1703.06211: the three 3x3 convolutions of conv5 (sec. 3).
v2: Zhu et al. 2018, "Deformable ConvNets v2", arXiv:1811.11168: those of conv3 to conv5, modulated (sec. 3.1, 3.2).
With the weights of a ResNet-50, v1 gives a ResNet-50's logits at first; v2 needs some training before, because its
convolutions start at half their answer.
Departs from the papers: conv5 keeps its stride of 2 and is not dilated (they build detectors); conv3 to conv5 have
13 convolutions of 3x3 and all are deformable, as in MMDetection, where the paper speaks of all but counts 12.
"""

from dataclasses import dataclass

from torch import nn

from anmok.backbone import Architecture, Kind, Paper
from anmok.layers import DeformConv
from anmok.zoo.resnet import ResidualBlock, ResNet, ResNetSpec


@dataclass(frozen=True, kw_only=True)
class DeformableSpec(ResNetSpec):
    """Numbers of one variant."""

    deformable: tuple[bool, ...]  # which stages are
    modulated: bool = False  # v2
    offset_groups: int = 1  # shares of the channels that look at different places

    def __post_init__(self) -> None:
        self.check_stages("depths", "deformable")
        super().__post_init__()


class DeformableResNet(ResNet):
    """A ResNet whose 3x3 convolutions are deformable in some stages."""

    def __init__(self, spec: DeformableSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        for stage, deformable in zip(self.stages, spec.deformable, strict=True):
            if deformable:
                _deform(stage, spec)


def _deform(stage: nn.Module, spec: DeformableSpec) -> None:
    """Put deformable convolutions in the place of those of 3x3."""
    for branch in [block.branch for block in stage.modules() if isinstance(block, ResidualBlock)]:
        for name, conv in list(branch.named_children()):
            if isinstance(conv, nn.Conv2d) and conv.kernel_size == (3, 3):
                deformed = DeformConv(
                    conv.in_channels,
                    conv.out_channels,
                    kernel=3,
                    stride=conv.stride[0],
                    padding=1,
                    offset_groups=spec.offset_groups,
                    modulated=spec.modulated,
                    bias=False,
                )
                deformed.weight = conv.weight
                setattr(branch, name, deformed)


ARCHITECTURE = Architecture(
    model=DeformableResNet,
    kind=Kind.CNN,
    paper=Paper(title="Deformable Convolutional Networks", authors="Dai et al.", year=2017, arxiv="1703.06211"),
    bias=(
        "A ResNet's, but less rigid: a pattern still means the same wherever it is, and each filter bends to the shape "
        "and the size of what it looks at. It suits objects that turn, stretch and differ in scale."
    ),
    presets={
        "deformable_resnet50": DeformableSpec(depths=(3, 4, 6, 3), expansion=4, deformable=(False, False, False, True)),
        "deformable_resnet50_v2": DeformableSpec(
            depths=(3, 4, 6, 3), expansion=4, deformable=(False, True, True, True), modulated=True
        ),
    },
    ours={
        "deformable_nano": DeformableSpec(
            depths=(1, 1, 1, 1),
            widths=(32, 64, 128, 192),
            stem_kernel=3,
            stem_pool=False,
            deformable=(False, False, True, True),
            modulated=True,
            img_size=(32, 32),
        ),
    },
)
