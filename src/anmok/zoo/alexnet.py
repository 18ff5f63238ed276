"""AlexNet: five convolutions and three full connections, the network that started deep learning on photographs.

Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks", NIPS 25. Layers: sec. 3.5,
fig. 2. `alexnet_2012` is the paper's, in two towers that share a layer here and there; `alexnet` is its successor
in one tower without local response norm, Krizhevsky 2014, "One weird trick for parallelizing convolutional neural
networks", arXiv:1404.5997, as in torchvision, whose logits are equal.
Departs from the papers: at other sizes than they have, the last map is averaged to the grid that the full connections
expect; initial weights as in He et al. 2015, arXiv:1502.01852, eq. 10, and zero biases; no dropout unless asked for
(0.5 in the papers), then after each of the two hidden layers.
"""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from anmok.backbone import Architecture, Backbone, FeatureShape, ImageSizes, Kind, Paper, Spec, linear_head
from anmok.errors import SpecError
from anmok.layers import Conv2d, Linear, LocalResponseNorm
from anmok.shapes import FeatureMap


@dataclass(frozen=True, kw_only=True)
class AlexNetSpec(Spec):
    """Numbers of one variant."""

    widths: tuple[int, ...]  # channels of the five convolutions
    hidden: int = 4096  # width of the two hidden full connections
    grid: int = 6  # rows and columns of the map that they see
    towers: int = 1  # in which the second, fourth and fifth convolution are split ("groups")
    local_norm: bool = False  # after the first and the second convolution
    stem_kernel: int = 11
    stem_stride: int = 4
    stem_padding: int = 2

    def __post_init__(self) -> None:
        if len(self.widths) != 5:
            raise SpecError(f"AlexNet has five convolutions: got {len(self.widths)} widths. Give five.")
        if any(width % self.towers for width in self.widths):
            raise SpecError(
                f"Towers have equal shares of the channels: got widths {self.widths} and {self.towers} towers. "
                f"Choose widths that {self.towers} divides."
            )
        super().__post_init__()

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """Before the second pool, before the third, and after it."""
        _, second, _, _, last = self.widths
        return tuple(FeatureShape(w, self.stem_stride * 2 ** (i + 1)) for i, w in enumerate((second, last, last)))

    @property
    def stem_shape(self) -> FeatureShape:
        """Before the first pool."""
        return FeatureShape(self.widths[0], self.stem_stride)

    @property
    def embedding_width(self) -> int:
        """The second hidden layer's."""
        return self.hidden

    @property
    def image_sizes(self) -> ImageSizes:
        """The three pools need 15 places."""
        return ImageSizes(minimum=14 * self.stem_stride + self.stem_kernel - 2 * self.stem_padding)


class AlexNet(Backbone):
    """Convolutions with pools between them, then two hidden layers that see the whole last map."""

    def __init__(self, spec: AlexNetSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        first, second, third, fourth, fifth = spec.widths
        conv = Conv2d(in_chans, first, spec.stem_kernel, spec.stem_stride, spec.stem_padding)
        self.stem = nn.Sequential(OrderedDict([("conv1", conv), ("act1", nn.ReLU(inplace=True)), *_local_norm(spec)]))
        self.stages = nn.ModuleList(
            nn.Sequential(OrderedDict(layers))
            for layers in (
                [("pool", _pool()), *_conv(2, first, second, 5, groups=spec.towers), *_local_norm(spec)],
                [
                    ("pool", _pool()),
                    *_conv(3, second, third, 3),
                    *_conv(4, third, fourth, 3, groups=spec.towers),
                    *_conv(5, fourth, fifth, 3, groups=spec.towers),
                ],
                [("pool", _pool())],
            )
        )
        self.pool = full_connections(fifth, spec.grid, spec.hidden, spec.drop_rate)
        self.apply(_initialise)
        self.head = linear_head(spec.hidden, num_classes)


class GridMeans(nn.AdaptiveAvgPool2d):
    """Means of a map's parts, `grid` rows and columns of them, of nearly equal size; smaller maps are enlarged."""

    def __init__(self, grid: int) -> None:
        super().__init__(grid)
        self.grid = grid

    def forward(self, input: FeatureMap) -> Float[Tensor, "b c rows columns"]:
        """A map of the size of the grid."""
        if torch.compiler.is_exporting():  # adaptive pools go wrong in ONNX where the size is left open
            rows, columns = (self._shares(side).to(input) for side in input.shape[2:])
            return rows @ input @ columns.T
        return super().forward(input)

    def _shares(self, side: int) -> Float[Tensor, "rows n"]:
        part, place = torch.arange(self.grid)[:, None], torch.arange(side)
        inside = (place >= part * side // self.grid) & (place * self.grid < (part + 1) * side)
        return inside / inside.sum(1, keepdim=True)


def full_connections(width_in: int, grid: int, hidden: int, drop_rate: float) -> nn.Module:
    """Two hidden layers that see each place of a map, averaged to `grid` rows and columns, by weights of its own."""
    return nn.Sequential(
        OrderedDict(
            average=GridMeans(grid),
            flatten=nn.Flatten(),
            linear1=Linear(width_in * grid**2, hidden),
            act1=nn.ReLU(inplace=True),
            dropout=nn.Dropout(drop_rate),
            linear2=Linear(hidden, hidden),
            act2=nn.ReLU(inplace=True),
        )
    )


def _pool() -> nn.Module:
    return nn.MaxPool2d(3, stride=2)  # windows overlap, sec. 3.4


def _conv(number: int, width_in: int, width: int, kernel: int, *, groups: int = 1) -> list[tuple[str, nn.Module]]:
    conv = Conv2d(width_in, width, kernel, padding=kernel // 2, groups=groups)
    return [(f"conv{number}", conv), (f"act{number}", nn.ReLU(inplace=True))]


def _local_norm(spec: AlexNetSpec) -> list[tuple[str, nn.Module]]:
    return [("norm", LocalResponseNorm())] if spec.local_norm else []


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


ARCHITECTURE = Architecture(
    model=AlexNet,
    kind=Kind.CNN,
    paper=Paper(
        title="ImageNet Classification with Deep Convolutional Neural Networks",
        authors="Krizhevsky et al.",
        year=2012,
    ),
    bias=(
        "Nearby pixels belong together and a pattern means the same wherever it is, up to the last map; from there "
        "on every place has weights of its own, so it matters where in the image things are. Nearly all parameters "
        "are in those full connections, which memorise small data sets."
    ),
    presets={
        "alexnet": AlexNetSpec(widths=(64, 192, 384, 256, 256)),
        "alexnet_2012": AlexNetSpec(
            widths=(96, 256, 384, 384, 256), towers=2, local_norm=True, stem_padding=0, img_size=(227, 227)
        ),
    },
    ours={
        "alexnet_nano": AlexNetSpec(
            widths=(32, 64, 96, 96, 64),
            hidden=672,
            grid=3,
            towers=2,
            stem_kernel=5,
            stem_stride=1,
            img_size=(32, 32),
        ),
    },
)
