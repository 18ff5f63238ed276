"""DenseNet: every layer sees what all layers before it in its block have found.

Huang et al. 2016, "Densely Connected Convolutional Networks", arXiv:1608.06993. Layers: eq. 2 and sec. 3; variants:
table 1 (ImageNet; with 161 layers: the authors' code) and table 2 (CIFAR).
Departs from the paper: no dropout after the convolutions of nets for CIFAR. Logits equal timm's and torchvision's.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

import torch
from einops.layers.torch import Reduce
from jaxtyping import Float
from torch import Tensor, nn

from anmok.backbone import Architecture, Backbone, FeatureShape, ImageSizes, Kind, Paper, Spec, linear_head
from anmok.errors import SpecError
from anmok.layers import Conv2d, round_depth, round_width
from anmok.shapes import FeatureMap


@dataclass(frozen=True, kw_only=True)
class DenseNetSpec(Spec):
    """Numbers of one variant."""

    depths: tuple[int, ...]  # layers per dense block
    growth: int  # "k": channels that each layer adds
    stem_width: int
    bottleneck: int = 4  # channels of a layer's 1x1 convolution per channel that it adds; 0: there is none
    compression: float = 0.5  # "theta": share of the channels that a transition keeps
    stem_kernel: int = 7
    stem_stride: int = 2
    stem_pool: bool = True  # norm, rectifier and 3x3 maximum with stride 2 follow the stem's convolution

    def __post_init__(self) -> None:
        self.check_stages("depths")
        if not 0 < self.compression <= 1:
            raise SpecError(
                f"A transition keeps a share of the channels: got compression={self.compression}. "
                "Choose one above 0 and up to 1."
            )
        super().__post_init__()

    @property
    def stride(self) -> int:
        """Of the stem and its pool, pixels."""
        return self.stem_stride * (2 if self.stem_pool else 1)

    @property
    def widths_in(self) -> tuple[int, ...]:
        """Channels that enter each dense block."""
        widths = [self.stem_width]
        for depth in self.depths[:-1]:
            widths.append(int(self.compression * (widths[-1] + depth * self.growth)))
        return tuple(widths)

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """Each block adds channels; each transition halves the map."""
        blocks = enumerate(zip(self.widths_in, self.depths, strict=True))
        return tuple(FeatureShape(width + depth * self.growth, self.stride * 2**i) for i, (width, depth) in blocks)

    @property
    def stem_shape(self) -> FeatureShape:
        """Before the pool."""
        return FeatureShape(self.stem_width, self.stem_stride)

    @property
    def image_sizes(self) -> ImageSizes:
        """The stem rounds sizes up, transitions round them down, and the last must leave a place."""
        return ImageSizes(minimum=self.stride * (2 ** (len(self.depths) - 1) - 1) + 1)

    def scaled(self, *, depth: float = 1.0, width: float = 1.0, resolution: float = 1.0) -> "DenseNetSpec":
        """Blocks get more layers, and each layer adds more channels, in multiples of 4."""
        return replace(
            self,
            depths=tuple(round_depth(depth * n) for n in self.depths),
            growth=round_width(width * self.growth, 4),
            stem_width=round_width(width * self.stem_width),
            img_size=self.scaled_size(resolution),
        )


def _convolve(width_in: int, width_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return Conv2d(width_in, width_out, kernel, stride, padding=kernel // 2, bias=False)


def _dense_layer(width_in: int, spec: DenseNetSpec) -> nn.Module:
    """Norm, rectifier, convolution: once, or with a bottleneck twice ("composite function", sec. 3)."""
    width = spec.bottleneck * spec.growth
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    parts["norm1"] = nn.BatchNorm2d(width_in)
    parts["act1"] = nn.ReLU(inplace=True)
    if width == 0:
        parts["conv1"] = _convolve(width_in, spec.growth, 3)
        return nn.Sequential(parts)
    parts["conv1"] = _convolve(width_in, width, 1)
    parts["norm2"] = nn.BatchNorm2d(width)
    parts["act2"] = nn.ReLU(inplace=True)
    parts["conv2"] = _convolve(width, spec.growth, 3)
    return nn.Sequential(parts)


class DenseBlock(nn.ModuleList):
    """Layers that each append their channels to the map (eq. 2)."""

    def forward(self, x: FeatureMap) -> Float[Tensor, "b d h w"]:
        """The input's channels, and those of each layer."""
        for layer in self:
            x = torch.cat((x, layer(x)), dim=1)
        return x


def _transition(width_in: int, width_out: int) -> nn.Module:
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(width_in),
            act=nn.ReLU(inplace=True),
            conv=_convolve(width_in, width_out, 1),
            pool=nn.AvgPool2d(2),
        )
    )


class DenseNet(Backbone):
    """Dense blocks; a transition before each later one halves the map."""

    def __init__(self, spec: DenseNetSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        conv = _convolve(in_chans, spec.stem_width, spec.stem_kernel, spec.stem_stride)
        self.stem = nn.Sequential(OrderedDict(conv=conv))
        if spec.stem_pool:
            self.stem.add_module("norm", nn.BatchNorm2d(spec.stem_width))
            self.stem.add_module("act", nn.ReLU(inplace=True))
        self.stages = nn.ModuleList()
        width = spec.stem_width
        for width_in, depth in zip(spec.widths_in, spec.depths, strict=True):
            stage = nn.Sequential()
            if self.stages:
                stage.add_module("transition", _transition(width, width_in))
            elif spec.stem_pool:
                stage.add_module("pool", nn.MaxPool2d(3, stride=2, padding=1))
            layers = (_dense_layer(width_in + i * spec.growth, spec) for i in range(depth))
            stage.add_module("block", DenseBlock(layers))
            width = width_in + depth * spec.growth
            self.stages.append(stage)
        self.stages[-1].add_module("norm", nn.BatchNorm2d(width))
        self.stages[-1].add_module("act", nn.ReLU(inplace=True))
        self.pool = Reduce("b c h w -> b c", "mean")
        self.head = linear_head(width, num_classes)
        self.apply(_initialise)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


def _imagenet(depths: tuple[int, ...], growth: int = 32) -> DenseNetSpec:
    return DenseNetSpec(depths=depths, growth=growth, stem_width=2 * growth)


def _cifar(depth: int, growth: int) -> DenseNetSpec:
    """Sec. 3, "Implementation Details": three blocks, and four layers beside them."""
    return DenseNetSpec(
        depths=((depth - 4) // 3,) * 3,
        growth=growth,
        stem_width=16,
        bottleneck=0,
        compression=1,
        stem_kernel=3,
        stem_stride=1,
        stem_pool=False,
        img_size=(32, 32),
    )


def _cifar_bc(depth: int, growth: int) -> DenseNetSpec:
    """The same with bottlenecks, two convolutions per layer, and compression."""
    plain = _cifar(depth, growth)
    return replace(plain, depths=((depth - 4) // 6,) * 3, stem_width=2 * growth, bottleneck=4, compression=0.5)


ARCHITECTURE = Architecture(
    model=DenseNet,
    kind=Kind.CNN,
    paper=Paper(
        title="Densely Connected Convolutional Networks", authors="Huang et al.", year=2016, arxiv="1608.06993"
    ),
    bias=(
        "That of every CNN, small filters that slide over the whole image, and nothing found is lost: late layers "
        "still read the edges that the first ones saw. Few parameters, but much memory to keep all maps."
    ),
    presets={
        "densenet121": _imagenet((6, 12, 24, 16)),
        "densenet161": _imagenet((6, 12, 36, 24), growth=48),
        "densenet169": _imagenet((6, 12, 32, 32)),
        "densenet201": _imagenet((6, 12, 48, 32)),
        "densenet264": _imagenet((6, 12, 64, 48)),
        **{f"cifar_densenet{n}_k{k}": _cifar(n, k) for n, k in ((40, 12), (100, 12), (100, 24))},
        **{f"cifar_densenet_bc{n}_k{k}": _cifar_bc(n, k) for n, k in ((100, 12), (190, 40), (250, 24))},
    },
    ours={
        "densenet_nano": DenseNetSpec(
            depths=(1, 2, 6, 8),
            growth=32,
            stem_width=32,
            stem_kernel=3,
            stem_stride=2,
            stem_pool=False,
            img_size=(32, 32),
        ),
    },
)
