"""LocalViT on TNT: inside every patch a small Transformer reads its pixels; a LocalViT reads the patches.

Li et al. 2021, arXiv:2104.05707 (table 6), on Han et al. 2021, "Transformer in Transformer", arXiv:2103.00112
(sec. 2; "pixels" are its visual words, "patches" its visual sentences). Only the outer feed-forward is the local one.
Departs from the authors' code: nowhere known; an image that patches do not fill is padded with zeros, and position
embeddings of patches are resampled for other sizes.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor, nn

from anmok.backbone import Architecture, Backbone, FeatureShape, Kind, Paper, Spec, linear_head
from anmok.errors import SpecError
from anmok.layers import (
    Conv2d,
    DropPath,
    Linear,
    TokenGrid,
    check_heads,
    drop_path_rates,
    pad_to_multiple,
    truncated_normal,
)
from anmok.shapes import FeatureMap, Images, Tokens
from anmok.zoo.localvit import LocalFeedForward, LocalViTBlock, Pooling, token_pool
from anmok.zoo.vit import SelfAttention, resample_positions


@dataclass(frozen=True, kw_only=True)
class LocalTNTSpec(Spec):
    """Numbers of one variant."""

    patch: int = 16  # pixels of the image
    pixel: int = 4  # pixels of the image from one inner pixel to the next
    width: int  # "d", of patches
    pixel_width: int  # "c", of inner pixels
    depth: int
    num_heads: int
    pixel_heads: int
    expansion: int = 4  # hidden channels of both feed-forwards per channel
    squeezed: int = 4  # channels inside squeeze and excitation
    pooling: Pooling = Pooling.CLASS_TOKEN
    drop_path_rate: float = 0.0  # at the last block

    def __post_init__(self) -> None:
        if self.patch % self.pixel:
            raise SpecError(
                f"A patch is a whole number of inner pixels wide: got patch={self.patch} and pixel={self.pixel}. "
                f"Choose a patch that {self.pixel} divides."
            )
        check_heads(self.width, self.num_heads)
        check_heads(self.pixel_width, self.pixel_heads)
        super().__post_init__()

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """All blocks keep the patches' grid."""
        return (FeatureShape(self.width, self.patch),) * self.depth

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches in the image that the network is built for."""
        return -(-self.img_size[0] // self.patch), -(-self.img_size[1] // self.patch)

    @property
    def inner_side(self) -> int:
        """Inner pixels along a patch."""
        return self.patch // self.pixel


class NestedTokens(NamedTuple):
    """Tokens of a grid of patches, after the class token, and of the pixels inside each patch."""

    tokens: Tokens
    height: int
    width: int
    pixels: Float[Tensor, "patches n c"]  # the patches of all images in a row

    @property
    def grid(self) -> TokenGrid:
        """The patches alone."""
        return TokenGrid(self.tokens, self.height, self.width)


class NestedStem(nn.Module):
    """Convolve to inner pixels, and project those of each patch to the patch's token; add position embeddings."""

    def __init__(self, spec: LocalTNTSpec, in_chans: int) -> None:
        super().__init__()
        self.grid, self.patch, self.side = spec.grid, spec.patch, spec.inner_side
        joint = spec.pixel_width * self.side**2
        self.conv = Conv2d(in_chans, spec.pixel_width, 7, spec.pixel, padding=3)
        self.norm1 = nn.LayerNorm(joint)
        self.project = Linear(joint, spec.width)
        self.norm2 = nn.LayerNorm(spec.width)
        self.class_token = nn.Parameter(torch.empty(1, 1, spec.width))
        self.positions = nn.Parameter(torch.empty(1, 1 + prod(spec.grid), spec.width))
        self.pixel_positions = nn.Parameter(torch.empty(1, spec.pixel_width, self.side, self.side))
        for parameter in (self.class_token, self.positions, self.pixel_positions):
            nn.init.trunc_normal_(parameter, std=0.02)

    def forward(self, images: Images) -> NestedTokens:
        """The class token, one token per patch, one per inner pixel."""
        map = self.conv(pad_to_multiple(images, self.patch, self.patch))
        height, width = map.shape[2] // self.side, map.shape[3] // self.side
        pixels = rearrange(map, "b c (h i) (w j) -> (b h w) (i j) c", i=self.side, j=self.side)
        pixels = pixels + rearrange(self.pixel_positions, "1 c i j -> 1 (i j) c")
        joint = rearrange(pixels, "(b patches) n c -> b patches (n c)", patches=height * width)
        patches = self.norm2(self.project(self.norm1(joint)))
        class_token = repeat(self.class_token, "1 1 d -> b 1 d", b=images.shape[0])
        positions = resample_positions(self.positions, self.grid, (height, width))
        return NestedTokens(torch.cat((class_token, patches), dim=1) + positions, height, width, pixels)


class InnerBlock(nn.Module):
    """Attention and an MLP among the pixels of each patch."""

    def __init__(self, width: int, num_heads: int, *, expansion: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = SelfAttention(width, num_heads, qkv_bias=False)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(Linear(width, expansion * width), nn.GELU(), Linear(expansion * width, width))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tokens) -> Tokens:
        """The same pixels, mixed."""
        x = x + self.drop_path(self.attention(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class LocalTNTBlock(nn.Module):
    """Mix pixels inside patches, add them to their patch, mix patches."""

    def __init__(self, spec: LocalTNTSpec, drop_path: float) -> None:
        super().__init__()
        self.inner = InnerBlock(spec.pixel_width, spec.pixel_heads, expansion=spec.expansion, drop_path=drop_path)
        self.norm = nn.LayerNorm(spec.pixel_width)
        self.project = Linear(spec.pixel_width * spec.inner_side**2, spec.width)
        self.outer = LocalViTBlock(
            nn.LayerNorm(spec.width),
            SelfAttention(spec.width, spec.num_heads, qkv_bias=False),
            LocalFeedForward(spec.width, spec.expansion * spec.width, spec.squeezed),
            drop_path=drop_path,
        )

    def forward(self, x: NestedTokens) -> NestedTokens:
        """The same patches and pixels, mixed."""
        pixels = self.inner(x.pixels)
        tokens = torch.cat((x.tokens[:, :1], x.tokens[:, 1:] + self._patches(pixels, x.height * x.width)), dim=1)
        return x._replace(tokens=self.outer(TokenGrid(tokens, x.height, x.width)).tokens, pixels=pixels)

    def _patches(self, pixels: Float[Tensor, "all n c"], count: int) -> Float[Tensor, "b m d"]:
        """What the pixels of each patch add to its token, for `count` patches per image."""
        return self.project(rearrange(self.norm(pixels), "(b patches) n c -> b patches (n c)", patches=count))


class LocalTNT(Backbone):
    """Patches of pixels, then equal blocks; each block is a stage."""

    def __init__(self, spec: LocalTNTSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self.stem = NestedStem(spec, in_chans)
        (rates,) = drop_path_rates((spec.depth,), spec.drop_path_rate)
        self.stages = nn.ModuleList(LocalTNTBlock(spec, rate) for rate in rates)
        self.pool = token_pool(spec.pooling, spec.width, eps=1e-5)
        self.head = linear_head(spec.width, num_classes)
        self.apply(truncated_normal)

    def as_map(self, x: Any) -> FeatureMap:
        """View the patches as a feature map."""
        return x.grid.map()


ARCHITECTURE = Architecture(
    model=LocalTNT,
    kind=Kind.HYBRID,
    paper=Paper(
        title="LocalViT: Bringing Locality to Vision Transformers", authors="Li et al.", year=2021, arxiv="2104.05707"
    ),
    bias=(
        "Two scales at once: pixels attend inside their patch, patches among one another, and a small convolution "
        "inside each outer feed-forward mixes neighbouring patches."
    ),
    presets={
        "localvit_tnt_t_patch16_224": LocalTNTSpec(width=192, pixel_width=12, depth=12, num_heads=3, pixel_heads=3)
    },
    ours={
        "localvit_tnt_nano": LocalTNTSpec(
            patch=8,
            pixel=2,
            width=128,
            pixel_width=12,
            depth=4,
            num_heads=4,
            pixel_heads=3,
            squeezed=16,
            pooling=Pooling.MEAN,
            img_size=(32, 32),
        )
    },
)
