"""Hybrid ViT: a small ResNet reads the image, and a ViT reads its last map in place of the pixels.

Dosovitskiy et al. 2020, arXiv:2010.11929, sec. 3.1 "Hybrid Architecture" and appendix B.1; R+Ti/16, R26+S/32 and
R50+L/32: Steiner et al. 2021, "How to train your ViT?", arXiv:2106.10270, sec. 3. Weights of convolutions are
standardised and maps group-normed (Kolesnikov et al. 2019, "Big Transfer", arXiv:1912.11370, sec. 2).
Departs from the paper: nowhere known; logits equal timm's. The ResNet's stages come before the blocks among the
stages, so that there are feature maps of all strides; timm counts the blocks only.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, layer_norm, max_pool2d, pad, relu

from anmok.backbone import Architecture, Backbone, FeatureShape, ImageSizes, Kind, Paper, linear_head
from anmok.errors import SpecError
from anmok.layers import truncated_normal
from anmok.shapes import FeatureMap
from anmok.zoo.vit import ClassTokenPool, PatchStem, ViTSpec, vit_blocks


@dataclass(frozen=True, kw_only=True)
class HybridSpec(ViTSpec):
    """Numbers of one variant: those of its ViT, and of the ResNet before it."""

    patch: int = 1  # places of the ResNet's last map
    cnn_depths: tuple[int, ...]  # blocks per stage; none: the ResNet is its stem alone
    cnn_width: int = 64  # channels of the stem; stage i has 4 * 2^i times as many, and a quarter of that within blocks
    cnn_groups: int = 32  # whose channels are normed together
    stem_kernel: int = 7

    def __post_init__(self) -> None:
        if self.cnn_width % self.cnn_groups:
            raise SpecError(
                f"Group norm splits channels evenly: got width {self.cnn_width} and {self.cnn_groups} groups. "
                f"Choose a width that {self.cnn_groups} divides."
            )
        super().__post_init__()

    @property
    def cnn_shapes(self) -> tuple[FeatureShape, ...]:
        """Stages of the ResNet; each later one halves the map."""
        return tuple(FeatureShape(4 * self.cnn_width * 2**i, 4 * 2**i) for i in range(len(self.cnn_depths)))

    @property
    def stem_shape(self) -> FeatureShape:
        """The stem quarters the image's sides."""
        return FeatureShape(self.cnn_width, 4)

    @property
    def stride(self) -> int:
        """Pixels from one token to the next."""
        return self.patch * (self.stem_shape, *self.cnn_shapes)[-1].stride

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """The ResNet's stages, then the blocks, which keep the tokens' grid."""
        return (*self.cnn_shapes, *(FeatureShape(self.width, self.stride),) * self.depth)

    @property
    def image_sizes(self) -> ImageSizes:
        """Any, for the ResNet pads; but patches must be whole."""
        return ImageSizes(multiple=self.stride if self.patch > 1 else 1)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tokens of the image that the network is built for."""
        height, width = self.img_size
        return -(-height // self.stride), -(-width // self.stride)


class StandardConv(nn.Conv2d):
    """Convolution without bias, each filter with mean 0 and variance 1, zeros padded as in TensorFlow ("SAME").

    Qiao et al. 2019, "Weight Standardization", arXiv:1903.10520, eq. 2-3. Padded is what ceil(side / stride)
    places need; of an odd number of zeros the larger half comes last.
    """

    def __init__(self, width_in: int, width_out: int, kernel: int, *, stride: int = 1) -> None:
        super().__init__(width_in, width_out, kernel, stride, bias=False)

    def forward(self, input: FeatureMap) -> Float[Tensor, "b d rows columns"]:
        """A map of ceil(side / stride)."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        rows, columns = (max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in input.shape[2:])
        if rows % 2 or columns % 2:
            input = pad(input, (0, columns % 2, 0, rows % 2))
        weight = layer_norm(self.weight, self.weight.shape[1:], eps=1e-8)
        return conv2d(input, weight, stride=stride, padding=(rows // 2, columns // 2))


class StemPool(nn.Module):
    """Maximum of 3 x 3 places at stride 2, the border as in TensorFlow ("SAME")."""

    def forward(self, x: FeatureMap) -> Float[Tensor, "b c rows columns"]:
        """A map of half the sides, rounded up."""
        return max_pool2d(x, 3, stride=2, padding=(x.shape[2] % 2, x.shape[3] % 2), ceil_mode=True)


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolution, the middle one with a quarter of the channels, added to the input."""

    def __init__(self, width_in: int, width: int, *, stride: int, groups: int) -> None:
        super().__init__()
        inner = width // 4
        self.branch = nn.Sequential(
            OrderedDict(
                conv1=StandardConv(width_in, inner, 1),
                norm1=nn.GroupNorm(groups, inner),
                act1=nn.ReLU(inplace=True),
                conv2=StandardConv(inner, inner, 3, stride=stride),
                norm2=nn.GroupNorm(groups, inner),
                act2=nn.ReLU(inplace=True),
                conv3=StandardConv(inner, width, 1),
                norm3=nn.GroupNorm(groups, width),
            )
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or width_in != width:
            conv = StandardConv(width_in, width, 1, stride=stride)
            self.shortcut = nn.Sequential(OrderedDict(conv=conv, norm=nn.GroupNorm(groups, width)))

    def forward(self, x: FeatureMap) -> Float[Tensor, "b d rows columns"]:
        """The rectified sum."""
        return relu(self.branch(x) + self.shortcut(x), inplace=True)


class ViTHybrid(Backbone):
    """A ResNet's stem and stages, then those of a ViT: its first block's stage makes the tokens."""

    memory_format = torch.contiguous_format  # group norms like it

    def __init__(self, spec: HybridSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        width_in, groups = spec.cnn_width, spec.cnn_groups
        self.stem = nn.Sequential(
            OrderedDict(
                conv=StandardConv(in_chans, width_in, spec.stem_kernel, stride=2),
                norm=nn.GroupNorm(groups, width_in),
                act=nn.ReLU(inplace=True),
                pool=StemPool(),
            )
        )
        self.stages = nn.ModuleList()
        for (width, _), depth in zip(spec.cnn_shapes, spec.cnn_depths, strict=True):
            blocks = nn.Sequential()
            for _ in range(depth):
                stride = 2 if self.stages and not blocks else 1
                blocks.append(Bottleneck(width_in, width, stride=stride, groups=groups))
                width_in = width
            self.stages.append(blocks)
        first, *others = vit_blocks(spec)
        tokens = PatchStem(width_in, spec.width, spec.patch, spec.grid)
        self.stages.extend([nn.Sequential(OrderedDict(tokens=tokens, block=first)), *others])
        self.pool = ClassTokenPool(spec.width)
        self.head = linear_head(spec.width, num_classes)
        self.apply(truncated_normal)


def _sizes(spec: HybridSpec, name: str) -> dict[str, HybridSpec]:
    return {f"{name}_{side}": replace(spec, img_size=(side, side)) for side in (224, 384)}


ARCHITECTURE = Architecture(
    model=ViTHybrid,
    kind=Kind.HYBRID,
    paper=Paper(
        title="An Image is Worth 16x16 Words (hybrid architecture)",
        authors="Dosovitskiy et al.",
        year=2020,
        arxiv="2010.11929",
    ),
    bias=(
        "A CNN's at first: small filters that slide over the whole image find parts; then every part may look at "
        "every other. The filters spare the Transformer what it would need many images to learn."
    ),
    presets={
        **_sizes(HybridSpec(cnn_depths=(), patch=8, width=192, depth=12, num_heads=3), "vit_tiny_r_s16_p8"),
        **_sizes(HybridSpec(cnn_depths=(2, 2, 2, 2), width=384, depth=12, num_heads=6), "vit_small_r26_s32"),
        **_sizes(HybridSpec(cnn_depths=(3, 4, 9), width=768, depth=12, num_heads=12), "vit_base_r50_s16"),
        **_sizes(HybridSpec(cnn_depths=(3, 4, 6, 3), width=1024, depth=24, num_heads=16), "vit_large_r50_s32"),
    },
    ours={
        "vit_hybrid_nano": HybridSpec(
            cnn_depths=(2, 2),
            cnn_width=32,
            cnn_groups=8,
            stem_kernel=3,
            width=128,
            depth=4,
            num_heads=4,
            img_size=(32, 32),
        )
    },
)
