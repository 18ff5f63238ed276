"""CvT: a Transformer whose tokens are cut, and whose queries, keys and values are made, by convolutions.

Wu et al. 2021, "CvT: Introducing Convolutions to Vision Transformers", arXiv:2103.15808. Token embedding: eq. 1;
convolutional projection: eq. 2, fig. 3; variants: table 2. No position embeddings: convolutions know the neighbours.
As in the authors' code, attention scores are divided by the root of the whole width, not of a head's share; the MLPs
have a quick GELU; class token and stochastic depth are in the last stage only, and the class token passes by the
projections' convolutions, so that the last block's queries of places (their convolution) cannot change the logits.
Departs from the paper: nowhere known. transformers' port has an exact GELU; apart from that, logits are equal.
"""

from dataclasses import dataclass
from itertools import accumulate
from operator import mul

import torch
from einops import rearrange, reduce, repeat
from torch import nn
from torch.nn.functional import silu

from anmok.backbone import Architecture, Backbone, FeatureShape, ImageSizes, Kind, Paper, Spec, linear_head
from anmok.layers import (
    Conv2d,
    ConvNorm,
    DropPath,
    Linear,
    TokenGrid,
    attend,
    check_heads,
    drop_path_rates,
    for_products,
    truncated_normal,
)
from anmok.shapes import Embedding, FeatureMap, Tokens


@dataclass(frozen=True, kw_only=True)
class CvTSpec(Spec):
    """Numbers of one variant."""

    kernels: tuple[int, ...] = (7, 3, 3)  # of the token embedding per stage, pixels or places
    strides: tuple[int, ...] = (4, 2, 2)  # the same
    widths: tuple[int, ...]  # "D" per stage
    depths: tuple[int, ...]  # blocks per stage
    num_heads: tuple[int, ...]  # "H" per stage
    reduction: int = 2  # stride of the convolutions before keys and values
    class_token: bool = True  # in the last stage; else the mean over places stands for the image
    drop_path_rate: float = 0.0  # at the last block

    def __post_init__(self) -> None:
        self.check_stages("kernels", "strides", "widths", "depths", "num_heads")
        for width, heads in zip(self.widths, self.num_heads, strict=True):
            check_heads(width, heads)
        super().__post_init__()

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """Each stage has its token embedding's stride."""
        total = accumulate(self.strides, mul)
        return tuple(FeatureShape(width, stride) for width, stride in zip(self.widths, total, strict=True))

    @property
    def image_sizes(self) -> ImageSizes:
        """As much as the first kernel needs."""
        return ImageSizes(minimum=self.kernels[0] - 2 * padding(self.kernels[0], self.strides[0]))


def padding(kernel: int, stride: int) -> int:
    """Zeros on each side, so that a map that the stride divides is divided by it."""
    return (kernel - stride + 1) // 2


class TokenEmbedding(nn.Module):
    """Cut a map into overlapping patches and make a token of each (eq. 1)."""

    def __init__(self, width_in: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.project = Conv2d(width_in, width, kernel, stride, padding(kernel, stride))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: FeatureMap) -> TokenGrid:
        """One token per patch."""
        patches = self.project(x)
        return TokenGrid(self.norm(_tokens(patches)), patches.shape[2], patches.shape[3])


def _tokens(x: FeatureMap) -> Tokens:
    return rearrange(x, "b d h w -> b (h w) d")


class ConvAttention(nn.Module):
    """Multi-head attention whose queries, keys and values have each passed a depthwise convolution (eq. 2)."""

    def __init__(self, width: int, num_heads: int, reduction: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.scale = width**-0.5
        self.mix_q = ConvNorm(width, width, 3, groups=width)
        self.mix_k, self.mix_v = (ConvNorm(width, width, 3, stride=reduction, groups=width) for _ in range(2))
        self.q, self.k, self.v = (Linear(width, width) for _ in range(3))
        self.project = Linear(width, width)

    def forward(self, x: TokenGrid) -> Tokens:
        """Each token as a weighted sum over the keys' coarser grid and the class token."""
        x = x._replace(tokens=for_products(x.tokens))
        map, class_token = x.map(), x.tokens[:, : x.tokens.shape[1] - x.height * x.width]
        mixed = (_tokens(mix(map)) for mix in (self.mix_q, self.mix_k, self.mix_v))
        if class_token.shape[1]:
            mixed = (torch.cat((class_token, tokens), dim=1) for tokens in mixed)
        q, k, v = (linear(tokens) for linear, tokens in zip((self.q, self.k, self.v), mixed, strict=True))
        return self.project(attend(q, k, v, num_heads=self.num_heads, scale=self.scale))


class QuickGELU(nn.Module):
    """x times the logistic function of 1.702 x (Hendrycks and Gimpel 2016, arXiv:1606.08415, sec. 2)."""

    def forward(self, x: Tokens) -> Tokens:
        """Each number by itself."""
        return silu(1.702 * x).mul_(1 / 1.702)  # one pass less than the formula as it stands


class CvTBlock(nn.Module):
    """Attention across tokens, then an MLP across channels, each on a pre-normed residual branch."""

    def __init__(self, width: int, num_heads: int, reduction: int, *, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = ConvAttention(width, num_heads, reduction)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(Linear(width, 4 * width), QuickGELU(), Linear(4 * width, width))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: TokenGrid) -> TokenGrid:
        """The same grid of tokens, mixed."""
        tokens = x.tokens + self.drop_path(self.attention(x._replace(tokens=self.norm1(x.tokens))))
        return x._replace(tokens=tokens + self.drop_path(self.mlp(self.norm2(tokens))))


class CvTStage(nn.Module):
    """New tokens of the last stage's map, perhaps a class token before them, then blocks."""

    def __init__(self, embed: TokenEmbedding | None, blocks: list[CvTBlock], class_token: nn.Parameter | None) -> None:
        super().__init__()
        self.embed = embed
        self.class_token = class_token
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: TokenGrid) -> TokenGrid:
        """The stage's grid of tokens."""
        x = x if self.embed is None else self.embed(x.map())
        if self.class_token is not None:
            class_token = repeat(self.class_token, "1 1 d -> b 1 d", b=x.tokens.shape[0])
            x = x._replace(tokens=torch.cat((class_token, x.tokens), dim=1))
        return self.blocks(x)


class TokenPool(nn.Module):
    """The class token, or the mean of all tokens, stands for the image."""

    def __init__(self, width: int, *, class_token: bool) -> None:
        super().__init__()
        self.class_token = class_token
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tokens) -> Embedding:
        """It, normed."""
        return self.norm(tokens[:, 0]) if self.class_token else reduce(self.norm(tokens), "b n d -> b d", "mean")


class CvT(Backbone):
    """Three stages of blocks, each on a coarser grid of wider tokens."""

    def __init__(self, spec: CvTSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self.stem = TokenEmbedding(in_chans, spec.widths[0], spec.kernels[0], spec.strides[0])
        self.stages = nn.ModuleList()
        before = [[0.0] * depth for depth in spec.depths[:-1]]
        for i, rates in enumerate(before + drop_path_rates(spec.depths[-1:], spec.drop_path_rate)):
            width, heads, is_last = spec.widths[i], spec.num_heads[i], i == len(spec.depths) - 1
            embed = TokenEmbedding(spec.widths[i - 1], width, spec.kernels[i], spec.strides[i]) if i else None
            blocks = [CvTBlock(width, heads, spec.reduction, drop_path=rate) for rate in rates]
            class_token = nn.Parameter(torch.empty(1, 1, width)) if spec.class_token and is_last else None
            self.stages.append(CvTStage(embed, blocks, class_token))
        self.pool = TokenPool(self.num_features, class_token=spec.class_token)
        self.head = linear_head(self.num_features, num_classes)
        self.apply(_initialise)


def _initialise(module: nn.Module) -> None:
    truncated_normal(module)
    if isinstance(module, CvTStage) and module.class_token is not None:
        nn.init.trunc_normal_(module.class_token, std=0.02)


def _variant(*depths: int, side: int, wide: bool = False) -> CvTSpec:
    widths, heads = ((192, 768, 1024), (3, 12, 16)) if wide else ((64, 192, 384), (1, 3, 6))
    return CvTSpec(widths=widths, depths=depths, num_heads=heads, img_size=(side, side))


ARCHITECTURE = Architecture(
    model=CvT,
    kind=Kind.HYBRID,
    paper=Paper(
        title="CvT: Introducing Convolutions to Vision Transformers",
        authors="Wu et al.",
        year=2021,
        arxiv="2103.15808",
    ),
    bias=(
        "A Transformer's freedom to look anywhere in the map; from a CNN overlapping patches, maps that shrink, and "
        "neighbours that are mixed before every look; these also tell where a token lies."
    ),
    presets={
        "cvt_13_224": _variant(1, 2, 10, side=224),
        "cvt_13_384": _variant(1, 2, 10, side=384),
        "cvt_21_224": _variant(1, 4, 16, side=224),
        "cvt_21_384": _variant(1, 4, 16, side=384),
        "cvt_w24_384": _variant(2, 2, 20, side=384, wide=True),
    },
    ours={
        "cvt_nano": CvTSpec(
            widths=(64, 128, 160), depths=(1, 2, 1), num_heads=(2, 4, 5), class_token=False, img_size=(32, 32)
        )
    },
)
