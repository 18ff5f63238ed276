"""CMT: every block looks locally with convolutions first and globally with attention afterwards.

Guo et al. 2021, "CMT: Convolutional Neural Networks Meet Vision Transformers", arXiv:2107.06263. Block: fig. 2c,
eq. 1-7; variants: table 1.
Departs from the paper, as its authors' code does: norms come after the activations; the blocks of a stage share their
relative position biases; CMT-S has 26.3, not 25.1 M parameters. Maps that do not divide evenly are padded with zeros,
and the biases are resampled (bicubic, as the paper says) for other sizes. No dropout before the head by default.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

import torch
from einops import rearrange
from einops.layers.torch import Reduce
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from anmok.backbone import Architecture, Backbone, FeatureShape, Kind, Paper, Scaling, Spec, linear_head
from anmok.layers import ChannelNorm, Conv2d, DropPath, Linear, TokenGrid, drop_path_rates, pad_to_multiple
from anmok.layers.attention import attend, check_heads
from anmok.layers.initial import truncated_normal
from anmok.layers.resample import resample
from anmok.shapes import FeatureMap


@dataclass(frozen=True, kw_only=True)
class CMTSpec(Spec):
    """Numbers of one variant."""

    scaling: ClassVar[Scaling] = Scaling(depth=1.2, width=1.3**0.75, resolution=1.15)  # MACs grow with 1.3^1.5
    stem_width: int
    widths: tuple[int, ...]  # channels per stage
    depths: tuple[int, ...]  # blocks per stage
    num_heads: tuple[int, ...] = (1, 2, 4, 8)  # "H" per stage
    reductions: tuple[int, ...] = (8, 4, 2, 1)  # "k" per stage: keys and values are of every k x k places
    expansion: float  # "R": hidden channels of the feed-forward per channel
    embedding_width: int = 1280  # channels of the last convolution
    drop_path_rate: float = 0.0  # at the last block

    def __post_init__(self) -> None:
        self.check_stages("widths", "depths", "num_heads", "reductions")
        for width, heads in zip(self.widths, self.num_heads, strict=True):
            check_heads(width, heads)
        super().__post_init__()

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """The stem halves the image, each stage the map of the one before."""
        return tuple(FeatureShape(width, 4 * 2**i) for i, width in enumerate(self.widths))

    def grid(self, stage: int) -> tuple[int, int]:
        """Rows and columns of a stage's map of the image that the network is built for."""
        return coarse_grid(self.img_size, self.feature_shapes[stage].stride)


class RelativeBias(nn.Module):
    """A learnt bias for every pair of a query's place and a key's place, shared by the blocks of a stage (eq. 3)."""

    def __init__(self, num_heads: int, queries: tuple[int, int], reduction: int) -> None:
        super().__init__()
        self.queries = queries
        self.reduction = reduction
        keys = coarse_grid(queries, reduction)
        self.table = nn.Parameter(torch.randn(num_heads, queries[0] * queries[1], keys[0] * keys[1]))

    def forward(self, queries: tuple[int, int]) -> Float[Tensor, "heads n m"]:
        """The biases for a grid of queries of this height and width."""
        return resample_bias(self.table, self.reduction, self.queries, queries)


def resample_bias(
    table: Float[Tensor, "heads n m"], reduction: int, old: tuple[int, int], new: tuple[int, int]
) -> Float[Tensor, "heads q k"]:
    """Relative position biases for an `old` grid of queries, made for a `new` one."""
    if old == new:
        return table
    heads, keys = table.shape[0], coarse_grid(old, reduction)
    x = rearrange(table, "heads (h w) keys -> heads keys h w", h=old[0])
    x = resample(x, new)
    x = rearrange(x, "heads (h w) rows columns -> heads (rows columns) h w", h=keys[0])
    x = resample(x, coarse_grid(new, reduction))
    return rearrange(x, "heads queries h w -> heads queries (h w)", heads=heads)


def coarse_grid(grid: tuple[int, int], reduction: int) -> tuple[int, int]:
    """Rows and columns that are left of a grid."""
    return -(-grid[0] // reduction), -(-grid[1] // reduction)


class LightAttention(nn.Module):
    """Multi-head attention from every place to a coarser grid of keys and values (eq. 2, 3)."""

    def __init__(self, width: int, num_heads: int, reduction: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.reduction = reduction
        conv = Conv2d(width, width, reduction, stride=reduction, groups=width)
        coarsen = nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(width)))
        self.coarsen = coarsen if reduction > 1 else nn.Identity()
        self.q, self.k, self.v = (Linear(width, width) for _ in range(3))
        self.project = Linear(width, width)

    def forward(self, x: TokenGrid, bias: Float[Tensor, "heads n m"]) -> TokenGrid:
        """Each place as a weighted sum over the coarser grid."""
        coarse = x.tokens
        if self.reduction > 1:
            map = self.coarsen(pad_to_multiple(x.map(), self.reduction, self.reduction))
            coarse = rearrange(map, "b d h w -> b (h w) d")
        mixed = attend(self.q(x.tokens), self.k(coarse), self.v(coarse), num_heads=self.num_heads, bias=bias)
        return x._replace(tokens=self.project(mixed))


class InvertedFeedForward(nn.Module):
    """A wide MLP across channels with a depthwise convolution, on a residual branch of its own, inside (eq. 4, 5)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.expand = _conv_gelu_norm(width, hidden, kernel=1)
        self.mix_space = Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.norm = nn.BatchNorm2d(hidden)
        project = Conv2d(hidden, width, 1)
        self.reduce = nn.Sequential(OrderedDict(conv=project, norm=nn.BatchNorm2d(width)))

    def forward(self, x: FeatureMap) -> FeatureMap:
        """The map, mixed across channels and neighbours."""
        x = self.expand(x)
        return self.reduce(self.norm(gelu(x + self.mix_space(x))))


def _conv_gelu_norm(width_in: int, width: int, *, kernel: int, stride: int = 1) -> nn.Module:
    conv = Conv2d(width_in, width, kernel, stride, padding=kernel // 2)
    return nn.Sequential(OrderedDict(conv=conv, act=nn.GELU(), norm=nn.BatchNorm2d(width)))


class CMTBlock(nn.Module):
    """Local perception, attention, feed-forward (eq. 1, 6, 7)."""

    def __init__(self, width: int, num_heads: int, reduction: int, *, hidden: int, drop_path: float) -> None:
        super().__init__()
        self.perceive = Conv2d(width, width, 3, padding=1, groups=width)
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = LightAttention(width, num_heads, reduction)
        self.norm2 = ChannelNorm(width, eps=1e-6)
        self.feed_forward = InvertedFeedForward(width, hidden)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: FeatureMap, bias: Float[Tensor, "heads n m"]) -> FeatureMap:
        """The map, mixed."""
        x = x + self.perceive(x)
        tokens = self.norm1(rearrange(x, "b d h w -> b (h w) d"))
        x = x + self.drop_path(self.attention(TokenGrid(tokens, x.shape[2], x.shape[3]), bias).map())
        return x + self.drop_path(self.feed_forward(self.norm2(x)))


class CMTStage(nn.Module):
    """Halve the map, then blocks that share their position biases."""

    def __init__(self, spec: CMTSpec, index: int, drop_path_rates: list[float]) -> None:
        super().__init__()
        width, heads, reduction = spec.widths[index], spec.num_heads[index], spec.reductions[index]
        self.patches = Conv2d(spec.widths[index - 1] if index else spec.stem_width, width, 2, stride=2)
        self.norm = ChannelNorm(width)
        self.bias = RelativeBias(heads, spec.grid(index), reduction)
        hidden = int(width * spec.expansion)
        self.blocks = nn.ModuleList(
            CMTBlock(width, heads, reduction, hidden=hidden, drop_path=rate) for rate in drop_path_rates
        )

    def forward(self, x: FeatureMap) -> Float[Tensor, "b d rows columns"]:
        """A map of half the height and width."""
        x = self.norm(self.patches(pad_to_multiple(x, 2, 2)))
        bias = self.bias((x.shape[2], x.shape[3]))
        for block in self.blocks:
            x = block(x, bias)
        return x


class CMT(Backbone):
    """A convolutional stem at half size; four stages; a last convolution before the mean over places."""

    def __init__(self, spec: CMTSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self.stem = nn.Sequential(
            _conv_gelu_norm(in_chans, spec.stem_width, kernel=3, stride=2),
            _conv_gelu_norm(spec.stem_width, spec.stem_width, kernel=3),
            _conv_gelu_norm(spec.stem_width, spec.stem_width, kernel=3),
        )
        rates = drop_path_rates(spec.depths, spec.drop_path_rate)
        self.stages = nn.ModuleList(CMTStage(spec, i, rates[i]) for i in range(len(spec.depths)))
        conv = Conv2d(self.num_features, spec.embedding_width, 1)
        norm, mean = nn.BatchNorm2d(spec.embedding_width), Reduce("b c h w -> b c", "mean")
        self.pool = nn.Sequential(OrderedDict(conv=conv, norm=norm, act=nn.SiLU(), mean=mean))
        self.head = linear_head(spec.embedding_width, num_classes)
        self.apply(_initialise)


def _initialise(module: nn.Module) -> None:
    truncated_normal(module)
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _variant(width: int, stem_width: int, *, depths: tuple[int, ...], expansion: float, side: int) -> CMTSpec:
    widths, sides = tuple(width * 2**i for i in range(4)), (side, side)
    return CMTSpec(stem_width=stem_width, widths=widths, depths=depths, expansion=expansion, img_size=sides)


ARCHITECTURE = Architecture(
    model=CMT,
    kind=Kind.HYBRID,
    paper=Paper(
        title="CMT: Convolutional Neural Networks Meet Vision Transformers",
        authors="Guo et al.",
        year=2021,
        arxiv="2107.06263",
    ),
    bias=(
        "Both: convolutions in every block give neighbourhood and sameness everywhere, attention over a coarser "
        "grid lets every place see the whole image, and each pair of places has a learnt bias."
    ),
    presets={
        "cmt_tiny": _variant(46, 16, depths=(2, 2, 10, 2), expansion=3.6, side=160),
        "cmt_xsmall": _variant(52, 16, depths=(3, 3, 12, 3), expansion=3.77, side=192),
        "cmt_small": _variant(64, 32, depths=(3, 3, 16, 3), expansion=4.0, side=224),
        "cmt_base": _variant(76, 38, depths=(4, 4, 20, 4), expansion=4.0, side=256),
    },
    ours={
        "cmt_nano": CMTSpec(
            stem_width=16,
            widths=(48, 96, 192),
            depths=(1, 1, 2),
            num_heads=(1, 2, 4),
            reductions=(4, 2, 1),
            expansion=3.0,
            embedding_width=256,
            img_size=(32, 32),
        )
    },
)
