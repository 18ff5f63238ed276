"""GoogLeNet: each module looks through filters of several sizes at once and lays what they see side by side.

Szegedy et al. 2014, "Going Deeper with Convolutions", arXiv:1409.4842. Module: fig. 2b; network: table 1; auxiliary
classifiers: sec. 5. `googlenet_2014` is the paper's; for its local response norm the paper gives no numbers, these are
Caffe's. `googlenet` is torchvision's, whose logits are equal: batch norm, 3x3 in place of the 5x5 convolutions, a
smaller last pool; its public weights want pixels with mean and deviation 0.5.
Departs from the paper: initial weights as in He et al. 2015, arXiv:1502.01852, eq. 10; no dropout before the head
unless asked for (0.4 in the paper); auxiliary classifiers average maps of other sizes than 14x14 to theirs.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from string import ascii_lowercase
from typing import NamedTuple

import torch
from einops.layers.torch import Reduce
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d

from anmok.backbone import Architecture, Backbone, FeatureShape, ImageSizes, Kind, Paper, Spec, linear_head
from anmok.layers import CeilMaxPool, Conv2d, ConvNorm, Linear, LocalResponseNorm
from anmok.shapes import FeatureMap, Images, Logits


class Widths(NamedTuple):
    """Channels inside one module: a row of table 1 from "#1x1" to "pool proj"."""

    plain: int
    reduce3: int
    conv3: int
    reduce5: int
    conv5: int
    project: int

    @property
    def out(self) -> int:
        """Channels of the branches together."""
        return self.plain + self.conv3 + self.conv5 + self.project


@dataclass(frozen=True, kw_only=True)
class GoogLeNetSpec(Spec):
    """Numbers of one variant."""

    modules: tuple[tuple[Widths, ...], ...]  # of the stages that table 1 calls 3, 4 and 5
    stem_widths: tuple[int, int, int] = (64, 64, 192)
    stem_kernel: int = 7
    stem_stride: int = 2
    large_kernel: int = 5  # of the third branch
    last_pool: int = 3
    batch_norm: bool = False  # after every convolution, in place of local response norm around the second and third
    auxiliary: bool = False  # classifiers after the modules of `auxiliary_after`, which only training uses
    auxiliary_after: tuple[str, ...] = ("4a", "4d")
    auxiliary_hidden: int = 1024

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """Each stage halves the map."""
        widths = (self.stem_widths[-1], *(stage[-1].out for stage in self.modules))
        return tuple(FeatureShape(w, self.stem_stride * 2 ** (i + 1)) for i, w in enumerate(widths))

    @property
    def stem_shape(self) -> FeatureShape:
        """The first convolution's."""
        return FeatureShape(self.stem_widths[0], self.stem_stride)

    @property
    def image_sizes(self) -> ImageSizes:
        """A pool needs as many places as its window has, less one."""
        return ImageSizes(minimum=self.stem_stride * (8 * (self.last_pool - 1) - 1) + 1)


class Branches(nn.Module):
    """Modules that see the same map; their outputs side by side."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: FeatureMap) -> Float[Tensor, "b d rows columns"]:
        """The channels of all branches, in order."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class AuxiliaryClassifier(nn.Module):
    """Logits from a map in the middle of a network, whose loss sends gradients to the beginning (sec. 5)."""

    def __init__(self, features: nn.Module, width: int, num_classes: int) -> None:
        super().__init__()
        self.features = features
        self.width = width
        self.head = linear_head(width, num_classes)

    def forward(self, x: FeatureMap) -> Logits:
        """A linear function of the features."""
        return self.head(self.features(x))


class WindowMeans(nn.Module):
    """Means of 5x5 windows, three places apart; of adaptive ones where that gives fewer than `least` each way."""

    def __init__(self, least: int) -> None:
        super().__init__()
        self.least = least

    def forward(self, x: FeatureMap) -> Float[Tensor, "b c rows columns"]:
        """A smaller map."""
        enough = min(x.shape[2:]) >= 5 + 3 * (self.least - 1)
        return avg_pool2d(x, 5, stride=3) if enough else adaptive_avg_pool2d(x, self.least)


class InceptionNet(Backbone):
    """A network whose stages are modules with names, some of them followed by an auxiliary classifier."""

    auxiliary: nn.ModuleDict  # by the module's name

    def training_logits(self, images: Images) -> list[Logits]:
        """The head's logits, then those of the auxiliary classifiers."""
        x, logits = self._begin(images), []
        for stage in self.stages:
            for name, module in stage.named_children():
                x = self._run(module)(x)
                if name in self.auxiliary:
                    logits.append(self.auxiliary[name](x))
        return [self.forward_head(x), *logits]

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Put fresh heads in place of the old ones, those of the auxiliary classifiers too."""
        super().reset_classifier(num_classes, global_pool)
        reference = next(self.parameters())
        for part in self.modules():
            if isinstance(part, AuxiliaryClassifier):
                part.head = linear_head(part.width, num_classes).to(reference.device, reference.dtype)


class GoogLeNet(InceptionNet):
    """A plain beginning, then three stages of inception modules."""

    def __init__(self, spec: GoogLeNetSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        first, second, width_in = spec.stem_widths
        layer = partial(_layer, norm=spec.batch_norm)
        norms = [nn.Identity() if spec.batch_norm else LocalResponseNorm(k=1.0, alpha=2e-5) for _ in range(2)]
        convs = OrderedDict(reduce=layer(first, second, 1), conv=layer(second, width_in, 3))
        self.stem = layer(in_chans, first, spec.stem_kernel, stride=spec.stem_stride)
        self.stages = nn.ModuleList(
            [nn.Sequential(OrderedDict(pool=CeilMaxPool(3), norm1=norms[0], **convs, norm2=norms[1]))]
        )
        self.auxiliary = nn.ModuleDict()
        for number, rows in enumerate(spec.modules, start=3):
            stage = nn.Sequential(OrderedDict(pool=CeilMaxPool(3 if number < 5 else spec.last_pool)))
            for letter, widths in zip(ascii_lowercase, rows, strict=False):
                stage.add_module(f"{number}{letter}", _inception(spec, width_in, widths))
                width_in = widths.out
                if spec.auxiliary and f"{number}{letter}" in spec.auxiliary_after:
                    self.auxiliary[f"{number}{letter}"] = _auxiliary(spec, width_in, num_classes)
            self.stages.append(stage)
        self.pool = Reduce("b c h w -> b c", "mean")
        self.head = linear_head(width_in, num_classes)
        self.apply(initialise)


def _layer(width_in: int, width: int, kernel: int, *, norm: bool, stride: int = 1) -> nn.Module:
    act = partial(nn.ReLU, inplace=True)
    if norm:
        return ConvNorm(width_in, width, kernel, stride=stride, act=act, eps=1e-3)
    return nn.Sequential(OrderedDict(conv=Conv2d(width_in, width, kernel, stride, kernel // 2), act=act()))


def _inception(spec: GoogLeNetSpec, width_in: int, widths: Widths) -> nn.Module:
    layer = partial(_layer, norm=spec.batch_norm)
    return Branches(
        layer(width_in, widths.plain, 1),
        nn.Sequential(layer(width_in, widths.reduce3, 1), layer(widths.reduce3, widths.conv3, 3)),
        nn.Sequential(layer(width_in, widths.reduce5, 1), layer(widths.reduce5, widths.conv5, spec.large_kernel)),
        nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), layer(width_in, widths.project, 1)),
    )


def _auxiliary(spec: GoogLeNetSpec, width_in: int, num_classes: int) -> nn.Module:
    features = OrderedDict(
        average=nn.AdaptiveAvgPool2d(4) if spec.batch_norm else WindowMeans(4),
        grid=nn.AdaptiveAvgPool2d(4),
        conv=_layer(width_in, 128, 1, norm=spec.batch_norm),
        flatten=nn.Flatten(),
        hidden=Linear(128 * 4 * 4, spec.auxiliary_hidden),
        act=nn.ReLU(inplace=True),
        dropout=nn.Dropout(0.7),
    )
    return AuxiliaryClassifier(nn.Sequential(features), spec.auxiliary_hidden, num_classes)


def initialise(module: nn.Module) -> None:
    """Draw the weights of one layer; for `Module.apply`."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


_TABLE_1 = (
    (Widths(64, 96, 128, 16, 32, 32), Widths(128, 128, 192, 32, 96, 64)),
    (
        Widths(192, 96, 208, 16, 48, 64),
        Widths(160, 112, 224, 24, 64, 64),
        Widths(128, 128, 256, 24, 64, 64),
        Widths(112, 144, 288, 32, 64, 64),
        Widths(256, 160, 320, 32, 128, 128),
    ),
    (Widths(256, 160, 320, 32, 128, 128), Widths(384, 192, 384, 48, 128, 128)),
)

ARCHITECTURE = Architecture(
    model=GoogLeNet,
    kind=Kind.CNN,
    paper=Paper(title="Going Deeper with Convolutions", authors="Szegedy et al.", year=2014, arxiv="1409.4842"),
    bias=(
        "Nearby pixels belong together, a pattern means the same wherever it is, and it may come in several sizes: "
        "filters of different sizes work side by side at every depth. It learns from few images."
    ),
    presets={
        "googlenet": GoogLeNetSpec(modules=_TABLE_1, large_kernel=3, last_pool=2, batch_norm=True),
        "googlenet_2014": GoogLeNetSpec(modules=_TABLE_1),
    },
    ours={
        "googlenet_nano": GoogLeNetSpec(
            modules=(
                (Widths(32, 32, 64, 16, 32, 32),),
                (Widths(64, 64, 128, 16, 32, 32), Widths(96, 64, 128, 32, 64, 64)),
                (Widths(192, 128, 320, 32, 96, 96),),
            ),
            stem_widths=(32, 32, 64),
            stem_kernel=3,
            stem_stride=1,
            batch_norm=True,
            auxiliary_after=("4a",),
            auxiliary_hidden=128,
            img_size=(32, 32),
        ),
    },
)
