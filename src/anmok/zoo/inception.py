"""Inception-v3: GoogLeNet's modules with their large filters taken apart into small and one-sided ones.

Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision", arXiv:1512.00567. Network: table 1;
modules: fig. 5 (A), 6 (C), 7 (E) and 10 (B and D, which halve the map); auxiliary classifier: fig. 8. The names "5b"
to "7c" and the widths, which the paper leaves out, are those of the authors' code, as in torchvision and timm, whose
logits are equal.
Departs from the paper: initial weights as in He et al. 2015, arXiv:1502.01852, eq. 10 (timm's let a fresh network's
logits reach 1e12 in eval mode); no dropout unless asked for; the auxiliary classifier averages maps below 17x17 to
5x5; pooled branches pool after their 1x1 convolution, not before: the numbers are the same and the work is less.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from string import ascii_lowercase
from typing import NamedTuple

from einops.layers.torch import Reduce
from torch import nn

from anmok.backbone import Architecture, FeatureShape, ImageSizes, Kind, Paper, Spec, linear_head
from anmok.errors import SpecError
from anmok.layers import Conv2d
from anmok.zoo.googlenet import AuxiliaryClassifier, Branches, InceptionNet, WindowMeans, initialise


@dataclass(frozen=True, kw_only=True)
class InceptionSpec(Spec):
    """Numbers of one variant."""

    pooled: tuple[int, ...] = (32, 64, 64)  # channels of the pooled branch of each module A
    inner: tuple[int, ...] = (128, 160, 160, 192)  # channels inside each module C
    last: int = 2  # modules E
    scale: float = 1.0  # of all channels: a multiple of 1/16
    stem_stride: int = 2
    padded: bool = False  # whether zeros around the map keep its size where the paper's shrinks
    auxiliary: bool = False  # a classifier after the last module C, which only training uses
    img_size: tuple[int, int] = (299, 299)

    def __post_init__(self) -> None:
        if self.scale <= 0 or self.scale * 16 % 1:
            raise SpecError(
                f"All widths are scaled by a positive multiple of 1/16: got {self.scale}. "
                f"The nearest is {max(1, round(16 * self.scale)) / 16}."
            )
        if not (self.pooled and self.inner and self.last > 0):
            raise SpecError(
                f"There is at least one module A, C and E: got {len(self.pooled)}, {len(self.inner)} and {self.last}. "
                "Add what is missing."
            )
        super().__post_init__()

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """Each stage halves the map."""
        widths = (192, 224 + self.pooled[-1], 768, 2048)
        return tuple(FeatureShape(self.scaled_width(w), self.stem_stride * 2 ** (i + 1)) for i, w in enumerate(widths))

    @property
    def stem_shape(self) -> FeatureShape:
        """That of the first three convolutions."""
        return FeatureShape(self.scaled_width(64), self.stem_stride)

    @property
    def image_sizes(self) -> ImageSizes:
        """Without padding, one place has to be left."""
        return ImageSizes() if self.padded else ImageSizes(minimum=36 * self.stem_stride + 3)

    def scaled_width(self, channels: int) -> int:
        """What stands for a number of channels of the paper's network."""
        return int(channels * self.scale)


class Conv(NamedTuple):
    """One convolution on a path; those that shrink have no padding."""

    channels: int
    kernel: int | tuple[int, int] = 1  # rows and columns
    stride: int = 1
    shrinks: bool = False


class InceptionV3(InceptionNet):
    """Convolutions, then stages of modules; at 299 pixels they have 35, 17 and 8 rows (table 1)."""

    def __init__(self, spec: InceptionSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        path = partial(_path, spec)
        stem = path(in_chans, Conv(32, 3, spec.stem_stride, shrinks=True), Conv(32, 3, shrinks=True), Conv(64, 3))
        convs = path(spec.scaled_width(64), Conv(80), Conv(192, 3, shrinks=True))
        self.stem = _named(["1a", "2a", "2b"], stem)
        self.stages = nn.ModuleList(
            (
                _named(["pool", "3b", "4a"], [_halving_pool(spec), *convs]),
                _named(["pool", *_lettered(5)[1:]], [_halving_pool(spec), *_modules_a(spec)]),
                _named(_lettered(6), [_module_b(spec), *_modules_c(spec)]),
                _named(_lettered(7), [_module_d(spec), *_modules_e(spec)]),
            )
        )
        self.auxiliary = nn.ModuleDict()
        if spec.auxiliary:
            self.auxiliary[_lettered(6)[len(spec.inner)]] = _auxiliary(spec, num_classes)
        self.pool = Reduce("b c h w -> b c", "mean")
        self.head = linear_head(self.num_features, num_classes)
        self.apply(initialise)


def _lettered(number: int) -> list[str]:
    return [f"{number}{letter}" for letter in ascii_lowercase]


def _named(names: list[str], modules: Iterable[nn.Module]) -> nn.Sequential:
    return nn.Sequential(OrderedDict(zip(names, modules, strict=False)))


def _layer(spec: InceptionSpec, width_in: int, conv: Conv, *, pooled: bool = False) -> nn.Sequential:
    size = (conv.kernel, conv.kernel) if isinstance(conv.kernel, int) else conv.kernel
    padding = (0, 0) if conv.shrinks and not spec.padded else (size[0] // 2, size[1] // 2)
    width = spec.scaled_width(conv.channels)
    layer = nn.Sequential(OrderedDict(conv=Conv2d(width_in, width, size, conv.stride, padding, bias=False)))
    if pooled:  # a mean and a 1x1 convolution commute, and there are fewer channels after it
        layer.add_module("pool", nn.AvgPool2d(3, stride=1, padding=1))
    layer.add_module("norm", nn.BatchNorm2d(width, eps=1e-3))
    layer.add_module("act", nn.ReLU(inplace=True))
    return layer


def _path(spec: InceptionSpec, width_in: int, *convs: Conv) -> nn.Sequential:
    widths = [width_in, *(spec.scaled_width(conv.channels) for conv in convs)]
    return nn.Sequential(*(_layer(spec, width, conv) for width, conv in zip(widths, convs, strict=False)))


def _halving_pool(spec: InceptionSpec) -> nn.Module:
    return nn.MaxPool2d(3, stride=2, padding=1 if spec.padded else 0)


def _modules_a(spec: InceptionSpec) -> Iterator[nn.Module]:
    """Fig. 5, but one branch has a 5x5 filter still."""
    width_in = spec.scaled_width(192)
    for pooled in spec.pooled:
        path = partial(_path, spec, width_in)
        yield Branches(
            path(Conv(64)),
            path(Conv(48), Conv(64, 5)),
            path(Conv(64), Conv(96, 3), Conv(96, 3)),
            _layer(spec, width_in, Conv(pooled), pooled=True),
        )
        width_in = spec.scaled_width(224 + pooled)


def _module_b(spec: InceptionSpec) -> nn.Module:
    """Fig. 10."""
    path = partial(_path, spec, spec.feature_shapes[1].width)
    return Branches(
        path(Conv(384, 3, 2, shrinks=True)),
        path(Conv(64), Conv(96, 3), Conv(96, 3, 2, shrinks=True)),
        _halving_pool(spec),
    )


def _modules_c(spec: InceptionSpec) -> Iterator[nn.Module]:
    """Fig. 6 with n = 7."""
    width_in = spec.scaled_width(480) + spec.feature_shapes[1].width
    for inner in spec.inner:
        path = partial(_path, spec, width_in)
        row, column = Conv(inner, (1, 7)), Conv(inner, (7, 1))
        yield Branches(
            path(Conv(192)),
            path(Conv(inner), row, Conv(192, (7, 1))),
            path(Conv(inner), column, row, column, Conv(192, (1, 7))),
            _layer(spec, width_in, Conv(192), pooled=True),
        )
        width_in = spec.scaled_width(768)


def _module_d(spec: InceptionSpec) -> nn.Module:
    """Fig. 10, with the filters of fig. 6."""
    path = partial(_path, spec, spec.scaled_width(768))
    return Branches(
        path(Conv(192), Conv(320, 3, 2, shrinks=True)),
        path(Conv(192), Conv(192, (1, 7)), Conv(192, (7, 1)), Conv(192, 3, 2, shrinks=True)),
        _halving_pool(spec),
    )


def _modules_e(spec: InceptionSpec) -> Iterator[nn.Module]:
    """Fig. 7."""
    width_in = spec.scaled_width(1280)
    for _ in range(spec.last):
        path = partial(_path, spec, width_in)
        yield Branches(
            path(Conv(320)),
            path(Conv(384)).append(_row_and_column(spec)),
            path(Conv(448), Conv(384, 3)).append(_row_and_column(spec)),
            _layer(spec, width_in, Conv(192), pooled=True),
        )
        width_in = spec.scaled_width(2048)


def _row_and_column(spec: InceptionSpec) -> nn.Module:
    width = spec.scaled_width(384)
    return Branches(_layer(spec, width, Conv(384, (1, 3))), _layer(spec, width, Conv(384, (3, 1))))


def _auxiliary(spec: InceptionSpec, num_classes: int) -> nn.Module:
    width = spec.scaled_width(768)
    wide = Conv(768, 5, shrinks=True)
    features = OrderedDict(
        average=WindowMeans(5),
        conv0=_layer(spec, width, Conv(128)),
        conv1=_layer(spec, spec.scaled_width(128), wide),
        pool=Reduce("b c h w -> b c", "mean"),
    )
    return AuxiliaryClassifier(nn.Sequential(features), width, num_classes)


ARCHITECTURE = Architecture(
    model=InceptionV3,
    kind=Kind.CNN,
    paper=Paper(
        title="Rethinking the Inception Architecture for Computer Vision",
        authors="Szegedy et al.",
        year=2015,
        arxiv="1512.00567",
    ),
    bias=(
        "Nearby pixels belong together, a pattern means the same wherever it is, and it may come in several sizes "
        "and shapes: small, long and high filters work side by side at every depth. It learns from few images."
    ),
    presets={"inception_v3": InceptionSpec()},
    ours={
        "inception_nano": InceptionSpec(
            pooled=(32,),
            inner=(192,),
            scale=0.25,
            stem_stride=1,
            padded=True,
            img_size=(32, 32),
        ),
    },
)
