"""CoAtNet: convolutions while the map is large, attention that knows offsets once it is small.

Dai et al. 2021, "CoAtNet: Marrying Convolution and Attention for All Data Sizes", arXiv:2106.04803. Relative attention:
eq. 3; how a stage halves the map: eq. 4, 5; variants: tables 3, 11, 12; other layouts (CCCC, CCCT, CTTT): sec. 2.2.
`coatnet_*_paper_*` are the paper's. The others are timm's, whose logits are equal: the depthwise convolution has the
stride (table 9), maps are pooled by means and CoAtNet-5 has heads of 32 channels.
Departs from the paper: a hidden layer before the head, as in timm and in the authors' MaxViT; without it the parameters
fall short of table 4. For other sizes biases are resampled, bilinearly as in the paper, antialiased where maps shrink.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import mul

import torch
from einops import rearrange
from einops.layers.torch import Reduce
from jaxtyping import Float
from torch import Tensor, nn

from anmok.backbone import Architecture, Backbone, FeatureShape, Kind, Paper, Spec, linear_head
from anmok.errors import SpecError
from anmok.layers import ChannelNorm, ConvNorm, DropPath, SqueezeExcite, attend, drop_path_rates, truncated_normal
from anmok.layers.conv2d import Conv2d
from anmok.layers.linear import Linear
from anmok.layers.relative_bias import relative_bias, resample_relative_bias
from anmok.shapes import FeatureMap, Tokens

EXPANSION = 4  # of the MBConv blocks and the MLPs; squeeze-and-excitation shrinks by as much


@dataclass(frozen=True, kw_only=True)
class CoAtNetSpec(Spec):
    """Numbers of one variant. Blocks come in runs of equal ones; a run with stride 1 belongs to the stage before."""

    stem_width: int  # "D" of S0
    layout: str = "CCTT"  # per run: C for convolution (MBConv), T for Transformer
    depths: tuple[int, ...]  # "L" per run
    widths: tuple[int, ...]  # "D" per run
    strides: tuple[int, ...] = (2, 2, 2, 2)  # of the first block per run
    head_width: int = 32  # channels per head
    stride_depthwise: bool = False  # else the first convolution of an MBConv branch has the stride
    pool_means: bool = False  # else maxima
    drop_path_rate: float = 0.0  # at the last block

    def __post_init__(self) -> None:
        self.check_stages("layout", "depths", "widths", "strides")
        if set(self.layout) - set("CT"):
            raise SpecError(f"A layout is made of C (MBConv) and T (Transformer): got '{self.layout}'. Use these.")
        if self.strides[0] != 2 or set(self.strides) - {1, 2}:
            raise SpecError(
                "The first run of blocks halves the map, each later one halves or keeps it: "
                f"got strides {self.strides}. Start with 2 and choose 1 or 2 for the others."
            )
        for letter, width in zip(self.layout, self.widths, strict=True):
            if letter == "T" and width % self.head_width:
                raise SpecError(
                    f"Attention splits its width into heads of {self.head_width} channels: got width {width}. "
                    f"Choose a multiple of {self.head_width}."
                )
        super().__post_init__()

    @property
    def run_strides(self) -> tuple[int, ...]:
        """Pixels from one place of a run's output to the next."""
        return tuple(accumulate(self.strides, mul, initial=2))[1:]

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """What the last run of each stage puts out."""
        runs = zip(self.widths, self.run_strides, strict=True)
        return tuple({stride: FeatureShape(width, stride) for width, stride in runs}.values())

    @property
    def stem_shape(self) -> FeatureShape:
        """At half the size of the image."""
        return FeatureShape(self.stem_width, 2)

    def channel_step(self, stage: int) -> int:
        """Widths of Transformers are multiples of a head's."""
        return self.head_width if self.layout[stage] == "T" else super().channel_step(stage)

    def grid(self, stride: int) -> tuple[int, int]:
        """Rows and columns of a map of the image that the network is built for."""
        return -(-self.img_size[0] // stride), -(-self.img_size[1] // stride)


class RelativeAttention(nn.Module):
    """Multi-head attention across a grid, with a learnt bias for every offset between two places (eq. 3)."""

    def __init__(self, width_in: int, width: int, num_heads: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.grid = grid
        self.bias = nn.Parameter(torch.empty((2 * grid[0] - 1) * (2 * grid[1] - 1), num_heads))
        self.qkv = Linear(width_in, 3 * width)
        self.project = Linear(width, width)
        nn.init.trunc_normal_(self.bias, std=0.02)

    def forward(self, x: FeatureMap) -> Tokens:
        """Each place as a weighted sum over all places, row by row."""
        grid = (x.shape[2], x.shape[3])
        bias = relative_bias(resample_relative_bias(self.bias, self.grid, grid, "bilinear"), grid, grid)
        q, k, v = self.qkv(rearrange(x, "b d h w -> b (h w) d")).chunk(3, dim=-1)
        return self.project(attend(q, k, v, num_heads=self.num_heads, bias=bias))


class TransformerBlock(nn.Module):
    """Attention across places, then an MLP across channels, each on a pre-normed residual branch (eq. 4)."""

    def __init__(self, width_in: int, attention: RelativeAttention, pool: nn.Module, *, drop_path: float) -> None:
        super().__init__()
        width = attention.project.out_features
        self.norm1 = ChannelNorm(width_in, eps=1e-6)
        self.pool = pool
        self.attention = attention
        self.widen = _widen(width_in, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        hidden = EXPANSION * width
        self.mlp = nn.Sequential(Linear(width, hidden), nn.GELU(), Linear(hidden, width))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: FeatureMap) -> Float[Tensor, "b d rows columns"]:
        """The map, pooled and mixed; it lies channels last, so that the next block's tokens are a view of it."""
        normed = self.pool(self.norm1(x))
        tokens = rearrange(self.widen(self.pool(x)), "b d h w -> b (h w) d") + self.drop_path(self.attention(normed))
        tokens = tokens + self.drop_path(self.mlp(self.norm2(tokens)))
        return rearrange(tokens, "b (h w) d -> b d h w", h=normed.shape[2])


class MBConvBlock(nn.Module):
    """Wide depthwise convolution with squeeze and excitation, on a pre-normed residual branch (eq. 5)."""

    def __init__(
        self, width_in: int, width: int, stride: tuple[int, int], pool: nn.Module, *, drop_path: float
    ) -> None:
        super().__init__()
        hidden = EXPANSION * width
        self.norm = nn.BatchNorm2d(width_in)
        self.expand = ConvNorm(width_in, hidden, 1, stride=stride[0], act=nn.GELU)
        self.mix_space = ConvNorm(hidden, hidden, 3, stride=stride[1], groups=hidden, act=nn.GELU)
        self.excite = SqueezeExcite(hidden, width // EXPANSION, activation=nn.SiLU)
        self.reduce = Conv2d(hidden, width, 1)
        self.pool = pool
        self.widen = _widen(width_in, width)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: FeatureMap) -> Float[Tensor, "b d rows columns"]:
        """The map, mixed across channels and neighbours."""
        branch = self.reduce(self.excite(self.mix_space(self.expand(self.norm(x)))))
        return self.widen(self.pool(x)) + self.drop_path(branch)


def _widen(width_in: int, width: int) -> nn.Module:
    return nn.Identity() if width_in == width else Conv2d(width_in, width, 1)


class CoAtNet(Backbone):
    """Two convolutions at half size, stages of MBConv and Transformer blocks, the mean over places, a hidden layer."""

    def __init__(self, spec: CoAtNetSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        halve = ConvNorm(in_chans, spec.stem_width, 3, stride=2, act=nn.GELU)
        mix = Conv2d(spec.stem_width, spec.stem_width, 3, padding=1, bias=False)
        self.stem = nn.Sequential(OrderedDict(halve=halve, mix=mix))
        stages, width_in = list[nn.Sequential](), spec.stem_width
        for run, rates in enumerate(drop_path_rates(spec.depths, spec.drop_path_rate)):
            for stride, rate in zip((spec.strides[run], *[1] * len(rates)), rates, strict=False):
                if stride == 2:
                    stages.append(nn.Sequential())
                stages[-1].append(_block(spec, run, width_in, stride=stride, drop_path=rate))
                width_in = spec.widths[run]
        self.stages = nn.ModuleList(stages)
        mean, norm = Reduce("b c h w -> b c", "mean"), nn.LayerNorm(width_in, eps=1e-6)
        self.pool = nn.Sequential(OrderedDict(mean=mean, norm=norm, hidden=Linear(width_in, width_in), act=nn.Tanh()))
        self.head = linear_head(width_in, num_classes)
        self.apply(_initialise)


def _block(spec: CoAtNetSpec, run: int, width_in: int, *, stride: int, drop_path: float) -> nn.Module:
    width = spec.widths[run]
    pool: nn.Module = nn.Identity()
    if stride > 1:  # in ceil mode the last row of an odd map is pooled alone, as strided convolutions see it
        pool = nn.AvgPool2d(2, ceil_mode=True) if spec.pool_means else nn.MaxPool2d(2, ceil_mode=True)
    if spec.layout[run] == "C":
        strides = (1, stride) if spec.stride_depthwise else (stride, 1)
        return MBConvBlock(width_in, width, strides, pool, drop_path=drop_path)
    attention = RelativeAttention(width_in, width, width // spec.head_width, spec.grid(spec.run_strides[run]))
    return TransformerBlock(width_in, attention, pool, drop_path=drop_path)


def _initialise(module: nn.Module) -> None:
    truncated_normal(module)
    if isinstance(module, nn.Conv2d):  # He et al. 2015, arXiv:1502.01852, eq. 14, per group
        fan_out = module.weight[0, 0].numel() * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=(2 / fan_out) ** 0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _mixed(*widths: int) -> CoAtNetSpec:
    """Table 12: two thirds of S2 moved into S3, with twice the channels."""
    depths, strides = (2, 4, 8, 42, 2), (2, 2, 2, 1, 2)
    return CoAtNetSpec(stem_width=192, layout="CCCTT", depths=depths, widths=widths, strides=strides, head_width=128)


SMALL, LARGE = (96, 192, 384, 768), (192, 384, 768, 1536)
VARIANTS = (  # CoAtNet-0 to CoAtNet-7, and the sizes of images for which the paper has figures
    (CoAtNetSpec(stem_width=64, depths=(2, 3, 5, 2), widths=SMALL), (224, 384)),
    (CoAtNetSpec(stem_width=64, depths=(2, 6, 14, 2), widths=SMALL), (224, 384)),
    (CoAtNetSpec(stem_width=128, depths=(2, 6, 14, 2), widths=(128, 256, 512, 1024)), (224, 384, 512)),
    (CoAtNetSpec(stem_width=192, depths=(2, 6, 14, 2), widths=LARGE), (224, 384, 512)),
    (CoAtNetSpec(stem_width=192, depths=(2, 12, 28, 2), widths=LARGE), (384, 512)),
    (CoAtNetSpec(stem_width=192, depths=(2, 12, 28, 2), widths=(256, 512, 1280, 2048), head_width=64), (512,)),
    (_mixed(192, 384, 768, 1536, 2048), (512,)),
    (_mixed(256, 512, 1024, 2048, 3072), (512,)),
)


def _presets() -> dict[str, CoAtNetSpec]:
    presets = dict[str, CoAtNetSpec]()
    for i, (spec, sides) in enumerate(VARIANTS):
        head_width = 32 if i == 5 else spec.head_width
        timms = replace(spec, stride_depthwise=True, pool_means=True, head_width=head_width)
        for form, variant, sizes in (("", timms, {*sides, 224} if i in (4, 5) else sides), ("paper_", spec, sides)):
            presets |= {f"coatnet_{i}_{form}{side}": replace(variant, img_size=(side, side)) for side in sizes}
    return presets


ARCHITECTURE = Architecture(
    model=CoAtNet,
    kind=Kind.HYBRID,
    paper=Paper(
        title="CoAtNet: Marrying Convolution and Attention for All Data Sizes",
        authors="Dai et al.",
        year=2021,
        arxiv="2106.04803",
    ),
    bias=(
        "First a CNN's: neighbours belong together and a pattern means the same everywhere. Then a Transformer's over "
        "the whole image, where what counts between two places is their content and the offset between them."
    ),
    presets=_presets(),
    ours={
        "coatnet_nano": CoAtNetSpec(
            stem_width=24, layout="CTT", depths=(2, 3, 1), widths=(48, 128, 160), strides=(2, 2, 2), img_size=(32, 32)
        )
    },
)
