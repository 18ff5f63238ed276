"""LocalViT on PVT: a pyramid of stages, each on a map of half the size, with attention to a coarser map.

Li et al. 2021, arXiv:2104.05707 (table 6), on Wang et al. 2021, "Pyramid Vision Transformer", arXiv:2102.12122
(stages: sec. 3.2; spatial-reduction attention: sec. 3.3; PVT-Tiny: table 1). The class token joins the last stage.
Departs from the authors' code: nowhere known; maps that patches or reductions do not fill are padded with zeros, and
position embeddings are resampled for other sizes.
"""

from dataclasses import dataclass
from math import prod

import torch
from einops import rearrange, repeat
from torch import nn

from anmok.backbone import Architecture, Backbone, FeatureShape, Kind, Paper, Spec, linear_head
from anmok.layers import (
    Conv2d,
    DropPath,
    Linear,
    TokenGrid,
    attend,
    check_heads,
    drop_path_rates,
    pad_to_multiple,
    truncated_normal,
)
from anmok.shapes import FeatureMap, Tokens
from anmok.zoo.localvit import LocalFeedForward, Pooling, token_pool
from anmok.zoo.vit import resample_positions


@dataclass(frozen=True, kw_only=True)
class LocalPVTSpec(Spec):
    """Numbers of one variant."""

    patch: int = 4  # "P_1", pixels; "P_i" of later stages is 2
    widths: tuple[int, ...]  # "C_i", channels per stage
    depths: tuple[int, ...]  # "L_i", blocks per stage
    num_heads: tuple[int, ...]  # "N_i"
    reductions: tuple[int, ...]  # "R_i": keys and values are of every R x R places
    expansions: tuple[int, ...]  # "E_i": hidden channels of the feed-forward per channel
    squeezed: tuple[int, ...]  # channels inside squeeze and excitation, per stage
    pooling: Pooling = Pooling.CLASS_TOKEN
    drop_path_rate: float = 0.0  # at the last block

    def __post_init__(self) -> None:
        self.check_stages("widths", "depths", "num_heads", "reductions", "expansions", "squeezed")
        for width, heads in zip(self.widths, self.num_heads, strict=True):
            check_heads(width, heads)
        super().__post_init__()

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """Each stage halves the map of the one before."""
        return tuple(FeatureShape(width, self.patch * 2**i) for i, width in enumerate(self.widths))

    def grid(self, stage: int) -> tuple[int, int]:
        """Rows and columns of a stage's tokens in the image that the network is built for."""
        stride = self.feature_shapes[stage].stride
        return -(-self.img_size[0] // stride), -(-self.img_size[1] // stride)


class PatchEmbedding(nn.Module):
    """Project patches of a map linearly, norm them, add position embeddings; perhaps a class token."""

    def __init__(self, spec: LocalPVTSpec, stage: int, in_chans: int) -> None:
        super().__init__()
        self.grid = spec.grid(stage)
        self.patch = 2 if stage else spec.patch
        width, is_last = spec.widths[stage], stage == len(spec.widths) - 1
        self.project = Conv2d(in_chans, width, self.patch, stride=self.patch)
        self.norm = nn.LayerNorm(width)
        self.positions = nn.Parameter(torch.empty(1, is_last + prod(self.grid), width))
        self.class_token = nn.Parameter(torch.empty(1, 1, width)) if is_last else None
        nn.init.trunc_normal_(self.positions, std=0.02)
        if self.class_token is not None:
            nn.init.trunc_normal_(self.class_token, std=0.02)

    def forward(self, x: FeatureMap) -> TokenGrid:
        """One token per patch, after the class token if there is one."""
        patches = self.project(pad_to_multiple(x, self.patch, self.patch))
        height, width = patches.shape[2:]
        tokens = self.norm(rearrange(patches, "b d h w -> b (h w) d"))
        if self.class_token is not None:
            tokens = torch.cat((repeat(self.class_token, "1 1 d -> b 1 d", b=tokens.shape[0]), tokens), dim=1)
        return TokenGrid(tokens + resample_positions(self.positions, self.grid, (height, width)), height, width)


class SpatialReductionAttention(nn.Module):
    """Multi-head attention from every token to a coarser grid of keys and values."""

    def __init__(self, width: int, num_heads: int, reduction: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.reduction = reduction
        self.q = Linear(width, width)
        self.kv = Linear(width, 2 * width)
        self.project = Linear(width, width)
        if reduction > 1:
            self.coarsen = Conv2d(width, width, reduction, stride=reduction)
            self.norm = nn.LayerNorm(width)

    def forward(self, x: TokenGrid) -> Tokens:
        """Each token as a weighted sum over the coarser grid, or over all tokens where nothing is reduced."""
        coarse = x.tokens
        if self.reduction > 1:
            map = self.coarsen(pad_to_multiple(x.map(), self.reduction, self.reduction))
            coarse = self.norm(rearrange(map, "b d h w -> b (h w) d"))
        k, v = self.kv(coarse).chunk(2, dim=-1)
        return self.project(attend(self.q(x.tokens), k, v, num_heads=self.num_heads))


class LocalPVTBlock(nn.Module):
    """Attention on a pre-normed residual branch, then the local feed-forward."""

    def __init__(self, spec: LocalPVTSpec, stage: int, drop_path: float) -> None:
        super().__init__()
        width = spec.widths[stage]
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.attention = SpatialReductionAttention(width, spec.num_heads[stage], spec.reductions[stage])
        self.feed_forward = LocalFeedForward(width, spec.expansions[stage] * width, spec.squeezed[stage])
        self.drop_path = DropPath(drop_path)

    def forward(self, x: TokenGrid) -> TokenGrid:
        """The same grid of tokens, mixed."""
        x = x._replace(tokens=x.tokens + self.drop_path(self.attention(x._replace(tokens=self.norm(x.tokens)))))
        return x.with_map(self.feed_forward(x.map()))


class LocalPVTStage(nn.Module):
    """Halve the map (not in the first stage: the stem has embedded it), then blocks."""

    def __init__(self, spec: LocalPVTSpec, index: int, drop_path_rates: list[float]) -> None:
        super().__init__()
        self.embed = PatchEmbedding(spec, index, spec.widths[index - 1]) if index else None
        self.blocks = nn.Sequential(*(LocalPVTBlock(spec, index, rate) for rate in drop_path_rates))

    def forward(self, x: TokenGrid) -> TokenGrid:
        """A grid of half the height and width."""
        return self.blocks(x if self.embed is None else self.embed(x.map()))


class LocalPVT(Backbone):
    """Patches, then stages; each later stage starts by making patches of the map before it."""

    def __init__(self, spec: LocalPVTSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self.stem = PatchEmbedding(spec, 0, in_chans)
        rates = drop_path_rates(spec.depths, spec.drop_path_rate)
        self.stages = nn.ModuleList(LocalPVTStage(spec, i, rates[i]) for i in range(len(spec.depths)))
        self.pool = token_pool(spec.pooling, self.num_features)
        self.head = linear_head(self.num_features, num_classes)
        self.apply(truncated_normal)


ARCHITECTURE = Architecture(
    model=LocalPVT,
    kind=Kind.HYBRID,
    paper=Paper(
        title="LocalViT: Bringing Locality to Vision Transformers", authors="Li et al.", year=2021, arxiv="2104.05707"
    ),
    bias=(
        "Maps shrink stage by stage like a CNN's, every place looks at the whole image in a coarser form, and a small "
        "convolution inside each feed-forward mixes neighbours."
    ),
    presets={
        "localvit_pvt_tiny": LocalPVTSpec(
            widths=(64, 128, 320, 512),
            depths=(2, 2, 2, 2),
            num_heads=(1, 2, 5, 8),
            reductions=(8, 4, 2, 1),
            expansions=(8, 8, 4, 4),
            squeezed=(8, 8, 4, 4),
        )
    },
    ours={
        "localvit_pvt_nano": LocalPVTSpec(
            patch=2,
            widths=(32, 80, 176),
            depths=(1, 1, 2),
            num_heads=(1, 2, 4),
            reductions=(4, 2, 1),
            expansions=(4, 4, 4),
            squeezed=(16, 16, 16),
            pooling=Pooling.MEAN,
            img_size=(32, 32),
        )
    },
)
