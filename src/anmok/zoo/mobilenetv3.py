"""MobileNetV3: blocks that widen, filter every channel alone and narrow again, found by search for phones.

Howard et al. 2019, "Searching for MobileNetV3", arXiv:1905.02244. Block: fig. 4; variants: tables 1 and 2, and the
"minimalistic" nets of the authors' code: no squeeze-and-excite, no hard swish, no 5x5 filters.
Departs from the paper: convolutions are padded evenly and norms have eps 1e-5, as in timm, whose logits are equal; the
`tf_` nets have TensorFlow's padding and eps 1e-3. Initial weights keep the scale of the signal, which the authors' let
die out in eval mode, and each residual branch starts at zero (Goyal et al. 2017, arXiv:1706.02677, sec. 5.1).
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

import torch
from einops.layers.torch import Reduce
from jaxtyping import Float
from torch import Tensor, nn

from anmok.backbone import Architecture, Backbone, FeatureShape, Kind, Paper, Spec, linear_head
from anmok.errors import SpecError
from anmok.layers import Activation, ConvNorm, DropPath, Linear, SameConv2d, SqueezeExcite, drop_path_rates
from anmok.layers.rounding import round_depth, round_width
from anmok.shapes import FeatureMap


@dataclass(frozen=True, kw_only=True)
class BlockRow:
    """Consecutive blocks with the same number of output channels."""

    width: int  # "#out", table 1
    kernel: int = 3
    stride: int = 1  # of the first block
    expansions: tuple[float, ...]  # of each block: hidden channels ("exp size") per input channel
    squeeze: bool = True  # "SE"
    act: Activation = Activation.HARD_SWISH  # "NL"

    def __post_init__(self) -> None:
        if not self.expansions:
            raise SpecError("A row has a block for every expansion: got expansions=(). Name one, or drop the row.")

    def scaled(self, depth: float, width: float) -> "BlockRow":
        """With more or fewer channels and blocks, the added ones like the last."""
        blocks = round_depth(len(self.expansions) * depth)
        expansions = (self.expansions + self.expansions[-1:] * blocks)[:blocks]
        return replace(self, width=round_width(self.width * width), expansions=expansions)


@dataclass(frozen=True, kw_only=True)
class MobileSpec(Spec):
    """Numbers of a net of such blocks."""

    stem_width: int = 16
    rows: tuple[BlockRow, ...]  # one that halves the map starts a stage
    embedding_width: int = 1280
    act: Activation  # of the first and last layers
    same_padding: bool = False  # TensorFlow's "SAME"
    eps: float = 1e-5  # of the norms
    drop_path_rate: float = 0.0  # at the last block

    def __post_init__(self) -> None:
        self.check_stages("rows")
        super().__post_init__()

    @property
    def stem_shape(self) -> FeatureShape:
        """The stem halves the image."""
        return FeatureShape(self.stem_width, 2)

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """A stage ends where the map is halved again."""
        widths: dict[int, int] = {}
        stride = self.stem_shape.stride
        for row in self.rows:
            stride *= row.stride
            widths[stride] = row.width
        return tuple(FeatureShape(width, stride) for stride, width in widths.items())

    def gates(self, width_in: int, hidden: int) -> SqueezeExcite:
        """Squeeze-and-excite of a block with so many input and hidden channels (sec. 5.3)."""
        return SqueezeExcite(hidden, round_width(hidden / 4), gate=nn.Hardsigmoid)

    def scaled(self, *, depth: float = 1.0, width: float = 1.0, resolution: float = 1.0) -> "MobileSpec":
        """Scale the stem, every row, and the image, but not the embedding."""
        return replace(
            self,
            stem_width=round_width(self.stem_width * width),
            rows=tuple(row.scaled(depth, width) for row in self.rows),
            img_size=self.scaled_size(resolution),
        )


@dataclass(frozen=True, kw_only=True)
class MobileNetV3Spec(MobileSpec):
    """Numbers of one variant."""

    act: Activation = Activation.HARD_SWISH

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """The last stage ends with a convolution that widens six times."""
        *finer, last = super().feature_shapes
        return *finer, last._replace(width=6 * last.width)


class InvertedBottleneck(nn.Module):
    """Widen, filter each channel alone, gate the channels, narrow without activation; a shortcut joins the ends."""

    def __init__(self, spec: MobileSpec, row: BlockRow, index: int, *, width_in: int, drop_path: float) -> None:
        super().__init__()
        hidden, stride = round_width(width_in * row.expansions[index]), 1 if index else row.stride
        act, eps = row.act.layer, spec.eps
        self.has_shortcut = stride == 1 and width_in == row.width
        self.expand = ConvNorm(width_in, hidden, 1, act=act, eps=eps) if hidden != width_in else nn.Identity()
        self.depthwise = ConvNorm(hidden, hidden, row.kernel, stride=stride, groups=hidden, act=act, eps=eps)
        self.excite = spec.gates(width_in, hidden) if row.squeeze else nn.Identity()
        self.project = ConvNorm(hidden, row.width, 1, eps=eps)
        self.drop_path = DropPath(drop_path if self.has_shortcut else 0.0)

    def forward(self, x: FeatureMap) -> Float[Tensor, "b d rows columns"]:
        """The narrow map; plus the input where the shape stays."""
        y = self.drop_path(self.project(self.excite(self.depthwise(self.expand(x)))))
        return y.add_(x) if self.has_shortcut else y  # no gradient needs what the last norm puts out


def mobile_stages(spec: MobileSpec) -> list[nn.Sequential]:
    """The rows of blocks, by stage."""
    stages: list[nn.Sequential] = []
    width_in = spec.stem_width
    all_rates = drop_path_rates([len(row.expansions) for row in spec.rows], spec.drop_path_rate)
    for row, rates in zip(spec.rows, all_rates, strict=True):
        blocks = nn.Sequential()
        for index, rate in enumerate(rates):
            blocks.append(InvertedBottleneck(spec, row, index, width_in=width_in, drop_path=rate))
            width_in = row.width
        if row.stride > 1 or not stages:
            stages.append(nn.Sequential())
        stages[-1].append(blocks)
    return stages


def finish(model: Backbone, spec: MobileSpec) -> None:
    """Pad strided convolutions as the spec says, and draw the initial weights."""
    strided = [m for m in model.modules() if isinstance(m, ConvNorm) and m.conv.stride != (1, 1)]
    for layer in strided if spec.same_padding else ():
        layer.conv = SameConv2d.like(layer.conv)
    model.apply(_initialise)


@torch.no_grad()
def _initialise(module: nn.Module) -> None:
    """Every convolution's output varies as much as its input did before the activation and the gates, roughly."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    if isinstance(module, nn.Linear):
        nn.init.uniform_(module.weight, -(module.out_features**-0.5), module.out_features**-0.5)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
    if isinstance(module, InvertedBottleneck):
        if isinstance(module.expand, ConvNorm):
            module.expand.conv.weight /= 2**0.5  # there is no activation before it
        if isinstance(module.excite, SqueezeExcite):
            module.project.conv.weight *= 2  # gates start at one half
        if module.has_shortcut:
            nn.init.zeros_(module.project.norm.weight)


class MobileNetV3(Backbone):
    """A stem at half size, stages of rows of blocks, a mean over places and a hidden layer."""

    def __init__(self, spec: MobileNetV3Spec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        act, eps = spec.act.layer, spec.eps
        self.stem = ConvNorm(in_chans, spec.stem_width, 3, stride=2, act=act, eps=eps)
        stages = mobile_stages(spec)
        stages[-1].append(ConvNorm(spec.rows[-1].width, self.num_features, 1, act=act, eps=eps))
        self.stages = nn.ModuleList(stages)
        mean, hidden = Reduce("b c h w -> b c", "mean"), Linear(self.num_features, spec.embedding_width)
        self.pool = nn.Sequential(OrderedDict(mean=mean, hidden=hidden, act=act()))
        self.head = linear_head(spec.embedding_width, num_classes)
        finish(self, spec)


_LARGE = MobileNetV3Spec(  # table 1
    rows=(
        BlockRow(width=16, expansions=(1,), squeeze=False, act=Activation.RELU),
        BlockRow(width=24, stride=2, expansions=(4, 3), squeeze=False, act=Activation.RELU),
        BlockRow(width=40, kernel=5, stride=2, expansions=(3, 3, 3), act=Activation.RELU),
        BlockRow(width=80, stride=2, expansions=(6, 2.5, 2.3, 2.3), squeeze=False),
        BlockRow(width=112, expansions=(6, 6)),
        BlockRow(width=160, kernel=5, stride=2, expansions=(6, 6, 6)),
    ),
)
_SMALL = MobileNetV3Spec(  # table 2
    rows=(
        BlockRow(width=16, stride=2, expansions=(1,), act=Activation.RELU),
        BlockRow(width=24, stride=2, expansions=(72 / 16, 88 / 24), squeeze=False, act=Activation.RELU),
        BlockRow(width=40, kernel=5, stride=2, expansions=(4, 6, 6)),
        BlockRow(width=48, kernel=5, expansions=(3, 3)),
        BlockRow(width=96, kernel=5, stride=2, expansions=(6, 6, 6)),
    ),
    embedding_width=1024,
)
_NETS = {
    f"{size}_{percent:03}": net.scaled(width=percent / 100)
    for size, net in (("large", _LARGE), ("small", _SMALL))
    for percent in (100, 75)
}


def _minimalistic(spec: MobileSpec) -> MobileSpec:
    relu = Activation.RELU
    return replace(spec, act=relu, rows=tuple(replace(r, kernel=3, squeeze=False, act=relu) for r in spec.rows))


def like_tensorflow(spec: MobileSpec) -> MobileSpec:
    """With TensorFlow's padding and the norms' eps of its nets."""
    return replace(spec, same_padding=True, eps=1e-3)


ARCHITECTURE = Architecture(
    model=MobileNetV3,
    kind=Kind.CNN,
    paper=Paper(title="Searching for MobileNetV3", authors="Howard et al.", year=2019, arxiv="1905.02244"),
    bias=(
        "Neighbourhood and sameness everywhere, as in every CNN, but space and channels are mixed in turn: each filter "
        "sees one channel, and a gate that sees the whole image weighs the channels. Few multiplications, many layers."
    ),
    presets={
        **{f"mobilenetv3_{size}": spec for size, spec in _NETS.items()},
        **{f"tf_mobilenetv3_{size}": like_tensorflow(spec) for size, spec in _NETS.items()},
        "tf_mobilenetv3_large_minimal_100": like_tensorflow(_minimalistic(_LARGE)),
        "tf_mobilenetv3_small_minimal_100": like_tensorflow(_minimalistic(_SMALL)),
    },
    ours={
        "mobilenetv3_nano": MobileNetV3Spec(
            stem_width=24,
            rows=(
                BlockRow(width=16, expansions=(1,), squeeze=False, act=Activation.RELU),
                BlockRow(width=64, stride=2, expansions=(4, 3, 3), squeeze=False, act=Activation.RELU),
                BlockRow(width=128, kernel=5, stride=2, expansions=(4, 4)),
            ),
            embedding_width=576,
            img_size=(32, 32),
        )
    },
)
