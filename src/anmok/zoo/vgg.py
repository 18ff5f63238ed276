"""VGG: nothing but 3x3 convolutions, stacked deep, and a halving of the map after every few of them.

Simonyan & Zisserman 2014, "Very Deep Convolutional Networks for Large-Scale Image Recognition", arXiv:1409.1556.
Variants: table 1 (A = 11, A-LRN = 11_lrn, B = 13, C = 16_1x1, D = 16, E = 19); those with batch norm are torchvision's.
Departs from the paper: at other sizes than 224, the last map is averaged to the 7x7 places that the full connections
expect, as in torchvision, whose logits are equal (timm's too, but from 256 pixels on it slides them over the map);
initial weights as in He et al. 2015, arXiv:1502.01852, eq. 14 (convolutions) and 10; no dropout unless asked for (0.5
in the paper), then after each of the two hidden layers.
"""

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from torch import nn

from anmok.backbone import Architecture, Backbone, FeatureShape, ImageSizes, Kind, Paper, Spec, linear_head
from anmok.layers import Conv2d, LocalResponseNorm
from anmok.zoo.alexnet import full_connections


class Norm(StrEnum):
    """What is normalised, and how."""

    NONE = "none"
    LOCAL = "local response"  # the stem's output
    BATCH = "batch"  # the output of every convolution


@dataclass(frozen=True, kw_only=True)
class VGGSpec(Spec):
    """Numbers of one variant."""

    depths: tuple[int, ...]  # convolutions between pools
    widths: tuple[int, ...] = (64, 128, 256, 512, 512)  # their channels
    norm: Norm = Norm.NONE
    third_kernel: int = 3  # of each third convolution between pools: 1 in variant C
    hidden: int = 4096  # width of the two hidden full connections
    grid: int = 7  # rows and columns of the map that they see

    def __post_init__(self) -> None:
        self.check_stages("depths", "widths")
        super().__post_init__()

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """Before each later pool, and after the last one."""
        return tuple(FeatureShape(w, 2 ** (i + 1)) for i, w in enumerate((*self.widths[1:], self.widths[-1])))

    @property
    def stem_shape(self) -> FeatureShape:
        """Before the first pool."""
        return FeatureShape(self.widths[0], 1)

    @property
    def embedding_width(self) -> int:
        """The second hidden layer's."""
        return self.hidden

    @property
    def image_sizes(self) -> ImageSizes:
        """One place has to be left."""
        return ImageSizes(minimum=2 ** len(self.widths))


class VGG(Backbone):
    """Convolutions with pools between them, then two hidden layers that see the whole last map."""

    def __init__(self, spec: VGGSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        groups = []
        width_in = in_chans
        for depth, width in zip(spec.depths, spec.widths, strict=True):
            groups.append(nn.Sequential())
            for i in range(depth):
                groups[-1].append(_layer(width_in, width, spec.third_kernel if i == 2 else 3, spec.norm))
                width_in = width
        if spec.norm is Norm.LOCAL:
            groups[0].append(LocalResponseNorm())
        self.stem = groups[0]
        self.stages = nn.ModuleList(nn.Sequential(nn.MaxPool2d(2), *group) for group in groups[1:])
        self.stages.append(nn.Sequential(nn.MaxPool2d(2)))
        self.pool = full_connections(spec.widths[-1], spec.grid, spec.hidden, spec.drop_rate)
        self.apply(_initialise)
        self.head = linear_head(spec.hidden, num_classes)


def _layer(width_in: int, width: int, kernel: int, norm: Norm) -> nn.Module:
    layer = nn.Sequential(OrderedDict(conv=Conv2d(width_in, width, kernel, padding=kernel // 2)))
    if norm is Norm.BATCH:
        layer.add_module("norm", nn.BatchNorm2d(width))
    layer.add_module("act", nn.ReLU(inplace=True))
    return layer


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


_DEPTHS = {"11": (1, 1, 2, 2, 2), "13": (2, 2, 2, 2, 2), "16": (2, 2, 3, 3, 3), "19": (2, 2, 4, 4, 4)}

ARCHITECTURE = Architecture(
    model=VGG,
    kind=Kind.CNN,
    paper=Paper(
        title="Very Deep Convolutional Networks for Large-Scale Image Recognition",
        authors="Simonyan & Zisserman",
        year=2014,
        arxiv="1409.1556",
    ),
    bias=(
        "Nearby pixels belong together and a pattern means the same wherever it is, up to the last map; the view "
        "widens by small steps, one 3x3 filter at a time. From the last map on every place has weights of its own; "
        "most parameters are there, and few images are enough to fill them by heart."
    ),
    presets={
        **{f"vgg{n}": VGGSpec(depths=depths) for n, depths in _DEPTHS.items()},
        **{f"vgg{n}_bn": VGGSpec(depths=depths, norm=Norm.BATCH) for n, depths in _DEPTHS.items()},
        "vgg11_lrn": VGGSpec(depths=_DEPTHS["11"], norm=Norm.LOCAL),
        "vgg16_1x1": VGGSpec(depths=_DEPTHS["16"], third_kernel=1),
    },
    ours={
        "vgg_nano": VGGSpec(
            depths=(1, 1, 2, 2),
            widths=(32, 64, 96, 128),
            norm=Norm.BATCH,
            hidden=544,
            grid=2,
            img_size=(32, 32),
        ),
    },
)
