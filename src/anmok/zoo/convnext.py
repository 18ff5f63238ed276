"""ConvNeXt: a ResNet brought step by step to the design of a Swin Transformer.

Liu et al. 2022, "A ConvNet for the 2020s", arXiv:2201.03545. Block: fig. 4; variants: sec. 3; atto, femto and pico
are timm's. The isotropic ones (sec. 3.3) have a ViT's plan: large patches, then equal blocks, each a stage here.
Departs from the paper: no layer scale in the large isotropic one. Logits equal timm's.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from einops.layers.torch import Reduce
from torch import nn

from anmok.backbone import Architecture, Backbone, FeatureShape, ImageSizes, Kind, Paper, Spec, linear_head
from anmok.errors import SpecError
from anmok.layers import ChannelNorm, Conv2d, DropPath, Linear, drop_path_rates, round_depth, round_width
from anmok.shapes import FeatureMap


@dataclass(frozen=True, kw_only=True)
class ConvNeXtSpec(Spec):
    """Numbers of one variant."""

    depths: tuple[int, ...]  # "B", sec. 3
    widths: tuple[int, ...]  # "C", sec. 3
    patch: int = 4  # of the stem, pixels
    kernel: int = 7  # of the depthwise convolutions
    halve: bool = True  # each later stage halves the map
    stem_norm: bool = True
    layer_scale: float | None = 1e-6  # gain of each branch at the start; None: there is no gain
    drop_path_rate: float = 0.0  # at the last block

    def __post_init__(self) -> None:
        self.check_stages("depths", "widths")
        if not self.halve and len(set(self.widths)) > 1:
            raise SpecError(
                f"Stages that do not halve the map keep its width: got widths={self.widths}. Make them equal."
            )
        super().__post_init__()

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """Each stage halves the map of the one before, or keeps it."""
        factor = 2 if self.halve else 1
        return tuple(FeatureShape(width, self.patch * factor**i) for i, width in enumerate(self.widths))

    @property
    def image_sizes(self) -> ImageSizes:
        """The last stage must have a place left; what does not fill a place is cut off."""
        return ImageSizes(minimum=self.feature_shapes[-1].stride)

    def scaled(self, *, depth: float = 1.0, width: float = 1.0, resolution: float = 1.0) -> Spec:
        """Of equal stages there are more, with as many blocks."""
        if self.halve:
            return super().scaled(depth=depth, width=width, resolution=resolution)
        stages, channels = round_depth(len(self.depths) * depth), round_width(self.widths[0] * width)
        depths, widths = self.depths[:1] * stages, (channels,) * stages
        return replace(self, depths=depths, widths=widths, img_size=self.scaled_size(resolution))


class ConvNeXtBlock(nn.Module):
    """A depthwise convolution across space, then a 4x wide MLP across channels, on one residual branch."""

    def __init__(self, width: int, *, kernel: int, layer_scale: float | None, drop_path: float) -> None:
        super().__init__()
        self.mix_space = Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.mix_channels = nn.Sequential(Linear(width, 4 * width), nn.GELU(), Linear(4 * width, width))
        self.gain = None if layer_scale is None else nn.Parameter(torch.full((width,), layer_scale))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: FeatureMap) -> FeatureMap:
        """The sum of the input and its branch, times the gain where there is one."""
        y = self.norm(rearrange(self.mix_space(x), "b c h w -> b h w c"))
        y = rearrange(self.drop_path(self.mix_channels(y)), "b h w c -> b c h w")
        return x + y if self.gain is None else torch.addcmul(x, y, self.gain[:, None, None])


class ConvNeXt(Backbone):
    """A stem of patches; each later stage halves the map."""

    def __init__(self, spec: ConvNeXtSpec, *, num_classes: int = 1000, in_chans: int = 3) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        width_in, last = spec.widths[0], spec.widths[-1]
        patches = Conv2d(in_chans, width_in, spec.patch, stride=spec.patch)
        self.stem = nn.Sequential(OrderedDict(project=patches))
        if spec.stem_norm:
            self.stem.add_module("norm", ChannelNorm(width_in, eps=1e-6))
        self.stages = nn.ModuleList()
        for width, rates in zip(spec.widths, drop_path_rates(spec.depths, spec.drop_path_rate), strict=True):
            downsample = _downsample(width_in, width) if self.stages and spec.halve else nn.Identity()
            blocks = nn.Sequential(
                *(ConvNeXtBlock(width, kernel=spec.kernel, layer_scale=spec.layer_scale, drop_path=r) for r in rates)
            )
            self.stages.append(nn.Sequential(OrderedDict(downsample=downsample, blocks=blocks)))
            width_in = width
        mean = Reduce("b c h w -> b c", "mean")
        self.pool = nn.Sequential(OrderedDict(mean=mean, norm=nn.LayerNorm(last, eps=1e-6)))
        self.head = linear_head(last, num_classes)
        self.apply(_initialise)


def _downsample(width_in: int, width_out: int) -> nn.Module:
    conv = Conv2d(width_in, width_out, kernel_size=2, stride=2)
    return nn.Sequential(OrderedDict(norm=ChannelNorm(width_in, eps=1e-6), conv=conv))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _isotropic(depth: int, width: int) -> ConvNeXtSpec:
    """Sec. 3.3: the depth and width of a ViT."""
    return ConvNeXtSpec(
        depths=(1,) * depth, widths=(width,) * depth, patch=16, halve=False, stem_norm=False, layer_scale=None
    )


ARCHITECTURE = Architecture(
    model=ConvNeXt,
    kind=Kind.CNN,
    paper=Paper(title="A ConvNet for the 2020s", authors="Liu et al.", year=2022, arxiv="2201.03545"),
    bias=(
        "Neighbourhood and sameness everywhere, as in every CNN, but with wide 7 x 7 filters that act on each "
        "channel alone, and few of them: close to a Swin Transformer whose windows slide and do not look at content."
    ),
    presets={
        "convnext_atto": ConvNeXtSpec(depths=(2, 2, 6, 2), widths=(40, 80, 160, 320)),
        "convnext_femto": ConvNeXtSpec(depths=(2, 2, 6, 2), widths=(48, 96, 192, 384)),
        "convnext_pico": ConvNeXtSpec(depths=(2, 2, 6, 2), widths=(64, 128, 256, 512)),
        "convnext_nano": ConvNeXtSpec(depths=(2, 2, 8, 2), widths=(80, 160, 320, 640)),
        "convnext_tiny": ConvNeXtSpec(depths=(3, 3, 9, 3), widths=(96, 192, 384, 768)),
        "convnext_small": ConvNeXtSpec(depths=(3, 3, 27, 3), widths=(96, 192, 384, 768)),
        "convnext_base": ConvNeXtSpec(depths=(3, 3, 27, 3), widths=(128, 256, 512, 1024)),
        "convnext_large": ConvNeXtSpec(depths=(3, 3, 27, 3), widths=(192, 384, 768, 1536)),
        "convnext_xlarge": ConvNeXtSpec(depths=(3, 3, 27, 3), widths=(256, 512, 1024, 2048)),
        "convnext_isotropic_small": _isotropic(18, 384),
        "convnext_isotropic_base": _isotropic(18, 768),
        "convnext_isotropic_large": _isotropic(36, 1024),
    },
    ours={
        # timm has another net that is called convnext_nano.
        "convnext_anmok_nano": ConvNeXtSpec(
            depths=(1, 1, 3), widths=(32, 80, 184), patch=2, kernel=5, layer_scale=1.0, img_size=(32, 32)
        )
    },
)
