"""ViT: an image is cut into patches, and a plain Transformer reads them like the words of a sentence.

Dosovitskiy et al. 2020, "An Image is Worth 16x16 Words", arXiv:2010.11929. Block: fig. 1, eq. 1-4; variants:
table 1 (Ti and S: Touvron et al. 2020, arXiv:2012.12877, table 1).
Departs from the paper: no hidden layer in the head of pre-training; initial weights as in timm, whose logits
are equal. At other sizes than it is built for, position embeddings are resampled (bicubic, antialiased).
"""

from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor, nn

from anmok.backbone import Architecture, Backbone, FeatureShape, ImageSizes, Kind, Paper, Spec, linear_head
from anmok.layers import (
    Conv2d,
    DropPath,
    Linear,
    TokenGrid,
    attend,
    check_heads,
    drop_path_rates,
    resample,
    truncated_normal,
)
from anmok.shapes import Images, Tokens


@dataclass(frozen=True, kw_only=True)
class ViTSpec(Spec):
    """Numbers of one variant."""

    patch: int  # "P", pixels
    width: int  # "D", table 1
    depth: int  # "L", table 1
    num_heads: int
    expansion: int = 4  # hidden channels of the MLP per channel
    drop_path_rate: float = 0.0  # at the last block

    def __post_init__(self) -> None:
        check_heads(self.width, self.num_heads)
        super().__post_init__()

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """All blocks keep the patches' grid."""
        return (FeatureShape(self.width, self.patch),) * self.depth

    @property
    def image_sizes(self) -> ImageSizes:
        """Whole patches only."""
        return ImageSizes(multiple=self.patch)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches in the image that the network is built for."""
        return self.img_size[0] // self.patch, self.img_size[1] // self.patch


class PatchStem(nn.Module):
    """Project patches linearly, put class tokens before them, add position embeddings (eq. 1).

    ViT has one class token; what descends from it may have more, or none yet.
    """

    def __init__(self, in_chans: int, width: int, patch: int, grid: tuple[int, int], *, class_tokens: int = 1) -> None:
        super().__init__()
        self.grid = grid
        self.project = Conv2d(in_chans, width, patch, stride=patch)
        self.class_token = nn.Parameter(1e-6 * torch.randn(1, class_tokens, width)) if class_tokens else None
        self.positions = nn.Parameter(torch.empty(1, class_tokens + grid[0] * grid[1], width))
        nn.init.trunc_normal_(self.positions, std=0.02)

    def forward(self, images: Images) -> TokenGrid:
        """One token per patch, after the class tokens."""
        patches = self.project(images)
        height, width = patches.shape[2:]
        tokens = rearrange(patches, "b d h w -> b (h w) d")
        if self.class_token is not None:
            tokens = torch.cat((repeat(self.class_token, "1 n d -> b n d", b=tokens.shape[0]), tokens), dim=1)
        return TokenGrid(tokens + resample_positions(self.positions, self.grid, (height, width)), height, width)


def resample_positions(
    positions: Float[Tensor, "1 n d"], old: tuple[int, int], new: tuple[int, int]
) -> Float[Tensor, "1 m d"]:
    """Position embeddings of an `old` grid, those of class tokens first, for a `new` one."""
    if old == new:
        return positions
    grid = TokenGrid(positions, *old)
    return grid.with_map(resample(grid.map(), new)).tokens


class SelfAttention(nn.Module):
    """Multi-head attention among all tokens (appendix A)."""

    def __init__(self, width: int, num_heads: int, *, qkv_bias: bool = True) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = Linear(width, 3 * width, bias=qkv_bias)
        self.project = Linear(width, width)

    def forward(self, x: Tokens) -> Tokens:
        """Each token as a weighted sum over all tokens."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return self.project(attend(q, k, v, num_heads=self.num_heads))


class ViTBlock(nn.Module):
    """Attention across tokens, then an MLP across channels, each on a pre-normed residual branch (eq. 2, 3)."""

    def __init__(self, width: int, num_heads: int, *, expansion: int, drop_path: float, qkv_bias: bool = True) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention: nn.Module = SelfAttention(width, num_heads, qkv_bias=qkv_bias)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(Linear(width, expansion * width), nn.GELU(), Linear(expansion * width, width))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: TokenGrid) -> TokenGrid:
        """The same grid of tokens, mixed."""
        tokens = x.tokens + self.drop_path(self.attend(x._replace(tokens=self.norm1(x.tokens))))
        return x._replace(tokens=tokens + self.drop_path(self.mlp(self.norm2(tokens))))

    def attend(self, x: TokenGrid) -> Tokens:
        """Each token as a weighted sum over all tokens."""
        return self.attention(x.tokens)


def vit_blocks(spec: ViTSpec) -> list[ViTBlock]:
    """The blocks of a variant, first to last."""
    (rates,) = drop_path_rates((spec.depth,), spec.drop_path_rate)
    return [ViTBlock(spec.width, spec.num_heads, expansion=spec.expansion, drop_path=rate) for rate in rates]


class ClassTokenPool(nn.Module):
    """The class token stands for the image (eq. 4); several stand side by side."""

    def __init__(self, width: int, *, class_tokens: int = 1, eps: float = 1e-6) -> None:
        super().__init__()
        self.class_tokens = class_tokens
        self.norm = nn.LayerNorm(width, eps)

    def forward(self, tokens: Tokens) -> Float[Tensor, "b embedding"]:
        """The class tokens, normed one by one."""
        return rearrange(self.norm(tokens[:, : self.class_tokens]), "b n d -> b (n d)")


class ViT(Backbone):
    """Patches, then equal blocks; each block is a stage."""

    def __init__(self, spec: ViTSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self.stem = PatchStem(in_chans, spec.width, spec.patch, spec.grid)
        self.stages = nn.ModuleList(vit_blocks(spec))
        self.pool = ClassTokenPool(spec.width)
        self.head = linear_head(spec.width, num_classes)
        self.apply(truncated_normal)


def _variants(size: str, patches: tuple[int, ...], *, width: int, depth: int, num_heads: int) -> dict[str, ViTSpec]:
    return {
        f"vit_{size}_patch{patch}_{side}": ViTSpec(
            patch=patch, width=width, depth=depth, num_heads=num_heads, img_size=(side, side)
        )
        for patch in patches
        for side in (224, 384)
    }


ARCHITECTURE = Architecture(
    model=ViT,
    kind=Kind.TRANSFORMER,
    paper=Paper(title="An Image is Worth 16x16 Words", authors="Dosovitskiy et al.", year=2020, arxiv="2010.11929"),
    bias=(
        "Almost none: every patch may look at every other from the first block on, and where a patch lies is "
        "learnt. It sees wholes early and needs many images, or weights from many images, to learn what "
        "convolutions are given."
    ),
    presets={
        **_variants("tiny", (16,), width=192, depth=12, num_heads=3),
        **_variants("small", (32, 16), width=384, depth=12, num_heads=6),
        **_variants("base", (32, 16), width=768, depth=12, num_heads=12),
        **_variants("large", (32, 16), width=1024, depth=24, num_heads=16),
        "vit_base_patch8_224": ViTSpec(patch=8, width=768, depth=12, num_heads=12),
        "vit_huge_patch14_224": ViTSpec(patch=14, width=1280, depth=32, num_heads=16),
        "vit_huge_patch14_378": ViTSpec(patch=14, width=1280, depth=32, num_heads=16, img_size=(378, 378)),
    },
    ours={"vit_nano": ViTSpec(patch=4, width=128, depth=5, num_heads=4, img_size=(32, 32))},
)
