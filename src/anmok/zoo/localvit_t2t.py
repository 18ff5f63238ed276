"""LocalViT on T2T-ViT: overlapping patches become tokens step by step, then a thin LocalViT reads them.

Li et al. 2021, arXiv:2104.05707 (table 6), on Yuan et al. 2021, "Tokens-to-Token ViT", arXiv:2101.11986 (soft split and
re-structurization: sec. 3.1). Attention while tokens are many is a Performer's (Choromanski et al. 2020,
arXiv:2009.14794); its feed-forward is a local one too, without squeeze and excitation.
Departs from the authors' code: no dropout in the Performers (0.1 there, in no paper); what is never trained (sinusoids,
the Performers' directions) is stored but is no parameter; images are padded to whole strides, and the sinusoids, which
number the places of one grid row by row, are resampled for another.
"""

from dataclasses import dataclass
from math import prod, sqrt

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import unfold

from anmok.backbone import Architecture, Backbone, FeatureShape, Kind, Paper, Spec, linear_head
from anmok.errors import SpecError
from anmok.layers import Conv2d, Linear, TokenGrid, check_heads, drop_path_rates, pad_to_multiple, truncated_normal
from anmok.shapes import FeatureMap, Images, Tokens
from anmok.zoo.localvit import LocalFeedForward, LocalViTBlock, Pooling, token_pool
from anmok.zoo.vit import SelfAttention, resample_positions


@dataclass(frozen=True, kw_only=True)
class LocalT2TSpec(Spec):
    """Numbers of one variant."""

    kernels: tuple[int, ...] = (7, 3, 3)  # "k", per soft split
    strides: tuple[int, ...] = (4, 2, 2)  # "k - s", per soft split
    token_width: int = 64  # channels between the splits
    width: int
    depth: int
    num_heads: int
    expansion: int = 2  # hidden channels of the feed-forward per channel
    squeezed: int = 4  # channels inside squeeze and excitation
    pooling: Pooling = Pooling.CLASS_TOKEN
    drop_path_rate: float = 0.0  # at the last block

    def __post_init__(self) -> None:
        self.check_stages("kernels", "strides")
        if any(k % 2 == 0 or k <= stride for k, stride in zip(self.kernels, self.strides, strict=True)):
            raise SpecError(
                f"The patches of a soft split have a centre and overlap: got kernels={self.kernels} and "
                f"strides={self.strides}. Make every kernel odd and larger than its stride."
            )
        check_heads(self.width, self.num_heads)
        super().__post_init__()

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """All blocks keep the grid that the last split leaves."""
        return (FeatureShape(self.width, prod(self.strides)),) * self.depth

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tokens in the image that the network is built for."""
        stride = prod(self.strides)
        return -(-self.img_size[0] // stride), -(-self.img_size[1] // stride)


class Performer(nn.Module):
    """Attention in time linear in the number of tokens, with one head; then the local feed-forward.

    exp(q kᵀ) is estimated by p(q) p(k)ᵀ with positive random features p(x) = exp(W x - |x|² / 2) / sqrt(m), whose
    m directions W are orthogonal and never trained. The values are the residual: input and output differ in width.
    """

    directions: Tensor

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width_in)
        self.kqv = Linear(width_in, 3 * width)
        self.project = Linear(width, width)
        self.feed_forward = LocalFeedForward(width, width, squeezed=0)
        count = width // 2
        self.register_buffer("directions", nn.init.orthogonal_(torch.empty(count, width)) * sqrt(count))

    def forward(self, x: TokenGrid) -> FeatureMap:
        """The tokens, mixed, as a map."""
        return self.feed_forward(x._replace(tokens=self._attend(x.tokens)).map())

    def _attend(self, x: Tokens) -> Float[Tensor, "b n width"]:
        k, q, v = self.kqv(self.norm(x)).chunk(3, dim=-1)
        k, q = self._features(k), self._features(q)
        sums = k.sum(dim=1).unsqueeze(-1)
        mixed = q @ (rearrange(k, "b n m -> b m n") @ v) / (q @ sums + 1e-8)
        return v + self.project(mixed)

    def _features(self, x: Tokens) -> Float[Tensor, "b n m"]:
        halves = x.square().sum(dim=-1, keepdim=True) / 2
        return torch.exp(x @ self.directions.T - halves) / sqrt(len(self.directions))


class SoftSplit(nn.Module):
    """Cut a map into overlapping patches, one token each; a map that strides do not fill is padded."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: FeatureMap) -> TokenGrid:
        """A grid with a token of `kernel`² places for every stride."""
        x = pad_to_multiple(x, self.stride, self.stride)
        patches = unfold(x, self.kernel, padding=_padding(self.kernel, self.stride), stride=self.stride)
        return TokenGrid(rearrange(patches, "b d n -> b n d"), x.shape[2] // self.stride, x.shape[3] // self.stride)


class TokensToToken(nn.Module):
    """Soft splits with Performers between them; the last split and the projection after it are one convolution."""

    positions: Tensor

    def __init__(self, spec: LocalT2TSpec, in_chans: int) -> None:
        super().__init__()
        self.grid = spec.grid
        self.steps = nn.ModuleList()
        width = in_chans
        for kernel, stride in zip(spec.kernels[:-1], spec.strides[:-1], strict=True):
            performer = Performer(width * kernel**2, spec.token_width)
            self.steps.append(nn.Sequential(SoftSplit(kernel, stride), performer))
            width = spec.token_width
        kernel, stride = spec.kernels[-1], spec.strides[-1]
        self.project = Conv2d(width, spec.width, kernel, stride, _padding(kernel, stride))
        self.class_token = nn.Parameter(torch.empty(1, 1, spec.width))
        self.register_buffer("positions", sinusoids(1 + prod(spec.grid), spec.width))
        nn.init.trunc_normal_(self.class_token, std=0.02)

    def forward(self, images: Images) -> TokenGrid:
        """One token per place that is left, and the class token."""
        x = images
        for step in self.steps:
            x = step(x)
        patches = self.project(x)
        height, width = patches.shape[2:]
        class_token = repeat(self.class_token, "1 1 d -> b 1 d", b=patches.shape[0])
        tokens = torch.cat((class_token, rearrange(patches, "b d h w -> b (h w) d")), dim=1)
        return TokenGrid(tokens + resample_positions(self.positions, self.grid, (height, width)), height, width)


def sinusoids(count: int, width: int) -> Float[Tensor, "1 n d"]:
    """Position embeddings: sine and cosine in turns, of `width` / 2 wavelengths (Vaswani et al. 2017, sec. 3.5)."""
    channel = torch.arange(width)
    angles = torch.arange(count).double()[:, None] / 10_000 ** (2 * (channel // 2) / width)
    return torch.where(channel % 2 == 0, angles.sin(), angles.cos())[None].float()


def _padding(kernel: int, stride: int) -> int:
    return (kernel - stride + 1) // 2


class LocalT2T(Backbone):
    """Tokens to tokens, then equal blocks; each block is a stage."""

    def __init__(self, spec: LocalT2TSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self.stem = TokensToToken(spec, in_chans)
        (rates,) = drop_path_rates((spec.depth,), spec.drop_path_rate)
        self.stages = nn.ModuleList(
            LocalViTBlock(
                nn.LayerNorm(spec.width),
                SelfAttention(spec.width, spec.num_heads, qkv_bias=False),
                LocalFeedForward(spec.width, spec.expansion * spec.width, spec.squeezed),
                drop_path=rate,
            )
            for rate in rates
        )
        self.pool = token_pool(spec.pooling, spec.width, eps=1e-5)
        self.head = linear_head(spec.width, num_classes)
        self.apply(truncated_normal)


ARCHITECTURE = Architecture(
    model=LocalT2T,
    kind=Kind.HYBRID,
    paper=Paper(
        title="LocalViT: Bringing Locality to Vision Transformers", authors="Li et al.", year=2021, arxiv="2104.05707"
    ),
    bias=(
        "Patches overlap, so that edges between them are seen whole, and become tokens in steps that already look at "
        "the whole image; then attention among all tokens, and a small convolution inside each feed-forward."
    ),
    presets={"localvit_t2t_7": LocalT2TSpec(width=256, depth=7, num_heads=4)},
    ours={
        "localvit_t2t_nano": LocalT2TSpec(
            kernels=(3, 3, 3),
            strides=(2, 2, 2),
            token_width=32,
            width=124,
            depth=7,
            num_heads=4,
            squeezed=16,
            pooling=Pooling.MEAN,
            img_size=(32, 32),
        )
    },
)
