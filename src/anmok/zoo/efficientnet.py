"""EfficientNet: one small net found by search, and the same net made deeper, wider and finer all at once.

Tan & Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", arXiv:1905.11946. Net:
table 1; scaling: eq. 3, with the multipliers of the authors' code (B8: Xie et al. 2019, arXiv:1911.09665; L2: Xie et
al. 2019, arXiv:1911.04252). Blocks: MobileNetV3's, whose gates are computed from fewer channels.
Departs from the paper: as MobileNetV3 does, and no dropout and no dropped paths unless asked for.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

from einops.layers.torch import Reduce
from torch import nn

from anmok.backbone import Architecture, Backbone, Kind, Paper, linear_head
from anmok.layers import Activation, ConvNorm, SqueezeExcite, round_width
from anmok.zoo.mobilenetv3 import BlockRow, MobileSpec, finish, like_tensorflow, mobile_stages


@dataclass(frozen=True, kw_only=True)
class EfficientNetSpec(MobileSpec):
    """Numbers of one variant."""

    act: Activation = Activation.SWISH

    def scaled(self, *, depth: float = 1.0, width: float = 1.0, resolution: float = 1.0) -> MobileSpec:
        """Sec. 3.3: everything is scaled, the embedding too."""
        wider = super().scaled(depth=depth, width=width, resolution=resolution)
        return replace(wider, embedding_width=round_width(self.embedding_width * width))

    def gates(self, width_in: int, hidden: int) -> SqueezeExcite:
        """From a quarter of the input channels, as in the authors' code."""
        return SqueezeExcite(hidden, max(1, width_in // 4), activation=Activation.SWISH.layer)


class EfficientNet(Backbone):
    """A stem at half size, stages of rows of blocks, a last convolution and the mean over places."""

    def __init__(self, spec: EfficientNetSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self.stem = ConvNorm(in_chans, spec.stem_width, 3, stride=2, act=spec.act.layer, eps=spec.eps)
        self.stages = nn.ModuleList(mobile_stages(spec))
        last = ConvNorm(self.num_features, spec.embedding_width, 1, act=spec.act.layer, eps=spec.eps)
        self.pool = nn.Sequential(OrderedDict(last=last, mean=Reduce("b c h w -> b c", "mean")))
        self.head = linear_head(spec.embedding_width, num_classes)
        finish(self, spec)


def _row(width: int, depth: int, *, kernel: int = 3, stride: int = 2, expansion: int = 6) -> BlockRow:
    expansions = (expansion,) * depth
    return BlockRow(width=width, kernel=kernel, stride=stride, expansions=expansions, act=Activation.SWISH)


# Table 1.
_B0 = EfficientNetSpec(
    stem_width=32,
    rows=(
        _row(16, 1, stride=1, expansion=1),
        _row(24, 2),
        _row(40, 2, kernel=5),
        _row(80, 3),
        _row(112, 3, kernel=5, stride=1),
        _row(192, 4, kernel=5),
        _row(320, 1, stride=1),
    ),
)


def _scaled(width: float, depth: float, side: int) -> MobileSpec:
    return replace(_B0.scaled(depth=depth, width=width), img_size=(side, side))


# To B7 the authors' multipliers are close to eq. 3's at phi = 0, 0.5, 1, 2, 3.5, 5, 6, 7.
_SCALED = {
    "b0": _scaled(1.0, 1.0, 224),
    "b1": _scaled(1.0, 1.1, 240),
    "b2": _scaled(1.1, 1.2, 260),
    "b3": _scaled(1.2, 1.4, 300),
    "b4": _scaled(1.4, 1.8, 380),
    "b5": _scaled(1.6, 2.2, 456),
    "b6": _scaled(1.8, 2.6, 528),
    "b7": _scaled(2.0, 3.1, 600),
    "b8": _scaled(2.2, 3.6, 672),
}
_L2 = _scaled(4.3, 5.3, 800)


ARCHITECTURE = Architecture(
    model=EfficientNet,
    kind=Kind.CNN,
    paper=Paper(
        title="EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
        authors="Tan & Le",
        year=2019,
        arxiv="1905.11946",
    ),
    bias=(
        "That of MobileNetV3: neighbourhood and sameness everywhere, filters that see one channel each, gates that "
        "weigh the channels by the whole image. Depth, width and resolution grow together, so none is the bottleneck."
    ),
    presets={
        **{f"efficientnet_{size}": spec for size, spec in _SCALED.items()},
        **{f"tf_efficientnet_{size}": like_tensorflow(spec) for size, spec in (*_SCALED.items(), ("l2", _L2))},
    },
    ours={
        "efficientnet_nano": EfficientNetSpec(
            stem_width=24,
            rows=(
                _row(16, 1, stride=1, expansion=1),
                _row(48, 1, expansion=4),
                _row(160, 4, expansion=4),
            ),
            embedding_width=640,
            img_size=(32, 32),
        )
    },
)
