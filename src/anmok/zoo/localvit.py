"""LocalViT: a Transformer whose blocks see all patches by attention, and then the neighbours of each by convolution.

Li et al. 2021, "LocalViT: Bringing Locality to Vision Transformers", arXiv:2104.05707. Variants: table 6, those on
DeiT (Touvron et al. 2020, arXiv:2012.12877); the other hosts have files of their own.
As in the authors' code, batch norms inside the feed-forward replace the layer norm before it, stochastic depth leaves
it alone, and the class token passes by it: the last one is seen by feature maps and never by the logits (our own
preset takes the mean of all tokens instead). LocalViT-T has 4 heads where DeiT-Ti has 3, S has 8 for 6.
Departs from the paper: nowhere known; images need not be square.
"""

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from einops.layers.torch import Reduce
from torch import nn

from anmok.backbone import Architecture, Backbone, Kind, Paper, linear_head
from anmok.layers import Conv2d, DropPath, SqueezeExcite, TokenGrid, drop_path_rates, truncated_normal
from anmok.shapes import FeatureMap
from anmok.zoo.vit import ClassTokenPool, PatchStem, SelfAttention, ViTSpec


class Pooling(StrEnum):
    """What stands for the image."""

    CLASS_TOKEN = "class token"
    MEAN = "mean"  # of all tokens


@dataclass(frozen=True, kw_only=True)
class LocalViTSpec(ViTSpec):
    """Numbers of one variant; the authors count reductions, `expansion * width / squeezed`."""

    squeezed: int = 4  # channels inside squeeze and excitation
    pooling: Pooling = Pooling.CLASS_TOKEN


class LocalFeedForward(nn.Module):
    """An MLP across channels with a depthwise 3x3 convolution inside, and with its own residual.

    X + g(f(f(X W1) * Wd)) W2: f is h-swish, g is squeeze and excitation (none where `squeezed` is 0), and each
    of the three convolutions is followed by batch norm.
    """

    def __init__(self, width: int, hidden: int, squeezed: int) -> None:
        super().__init__()
        excite = SqueezeExcite(hidden, squeezed, gate=nn.Hardsigmoid) if squeezed else nn.Identity()
        excite.apply(_initialise)
        # One flat sequence frees each wide map as soon as the next is there.
        self.branch = nn.Sequential(
            OrderedDict(
                expand=Conv2d(width, hidden, 1, bias=False),
                norm1=nn.BatchNorm2d(hidden),
                act1=nn.Hardswish(),
                mix_space=Conv2d(hidden, hidden, 3, padding=1, groups=hidden, bias=False),
                norm2=nn.BatchNorm2d(hidden),
                act2=nn.Hardswish(),
                excite=excite,
                reduce=Conv2d(hidden, width, 1, bias=False),
                norm3=nn.BatchNorm2d(width),
            )
        )

    def forward(self, x: FeatureMap) -> FeatureMap:
        """The map, mixed across channels and neighbours."""
        return x + self.branch(x)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d) and module.bias is not None:  # a linear layer to the authors
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


class LocalViTBlock(nn.Module):
    """Attention across all tokens on a pre-normed residual branch, then the local feed-forward across the grid."""

    def __init__(
        self, norm: nn.LayerNorm, attention: SelfAttention, feed_forward: LocalFeedForward, *, drop_path: float
    ) -> None:
        super().__init__()
        self.norm = norm
        self.attention = attention
        self.feed_forward = feed_forward
        self.drop_path = DropPath(drop_path)

    def forward(self, x: TokenGrid) -> TokenGrid:
        """The same grid of tokens, mixed; a class token meets the others in attention only."""
        x = x._replace(tokens=x.tokens + self.drop_path(self.attention(self.norm(x.tokens))))
        return x.with_map(self.feed_forward(x.map()))


def token_pool(pooling: Pooling, width: int, *, eps: float = 1e-6) -> nn.Module:
    """Norm tokens and take what stands for the image."""
    if pooling is Pooling.CLASS_TOKEN:
        return ClassTokenPool(width, eps=eps)
    return nn.Sequential(OrderedDict(norm=nn.LayerNorm(width, eps), mean=Reduce("b n d -> b d", "mean")))


class LocalViT(Backbone):
    """Patches, then equal blocks; each block is a stage."""

    def __init__(self, spec: LocalViTSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self.stem = PatchStem(in_chans, spec.width, spec.patch, spec.grid)
        (rates,) = drop_path_rates((spec.depth,), spec.drop_path_rate)
        self.stages = nn.ModuleList(
            LocalViTBlock(
                nn.LayerNorm(spec.width, eps=1e-6),
                SelfAttention(spec.width, spec.num_heads),
                LocalFeedForward(spec.width, spec.expansion * spec.width, spec.squeezed),
                drop_path=rate,
            )
            for rate in rates
        )
        self.pool = token_pool(spec.pooling, spec.width)
        self.head = linear_head(spec.width, num_classes)
        self.apply(truncated_normal)


ARCHITECTURE = Architecture(
    model=LocalViT,
    kind=Kind.HYBRID,
    paper=Paper(
        title="LocalViT: Bringing Locality to Vision Transformers", authors="Li et al.", year=2021, arxiv="2104.05707"
    ),
    bias=(
        "Attention lets every patch look at every other; a small convolution inside each feed-forward adds that "
        "neighbouring patches belong together and that a pattern means the same wherever it is."
    ),
    presets={
        "localvit_tiny_patch16_224": LocalViTSpec(patch=16, width=192, depth=12, num_heads=4),
        "localvit_tiny_se4_patch16_224": LocalViTSpec(patch=16, width=192, depth=12, num_heads=4, squeezed=192),
        "localvit_small_patch16_224": LocalViTSpec(patch=16, width=384, depth=12, num_heads=8),
    },
    ours={
        "localvit_nano": LocalViTSpec(
            patch=4, width=120, depth=5, num_heads=4, squeezed=16, pooling=Pooling.MEAN, img_size=(32, 32)
        )
    },
)
