"""U-Net: a path down finds out what is in an image, a path up says where, so that every pixel gets a class.

Ronneberger et al. 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation", arXiv:1505.04597, fig. 1.
Nothing is padded: of 572 x 572 pixels the inner 388 x 388 get logits, each from real pixels alone. `PaddedUNet` is
the usual form since: any backbone leads down, and all pixels get logits.
Departs from the paper: nowhere known; it gives no rate for its dropout, which is off unless `drop_rate` is set.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, pad

from anmok.backbone import (
    Architecture,
    Backbone,
    FeatureList,
    FeatureShape,
    ImageSizes,
    Kind,
    Paper,
    Segmenter,
    Spec,
)
from anmok.layers import Conv2d, ConvNorm
from anmok.shapes import FeatureMap, Images, LogitMaps


@dataclass(frozen=True, kw_only=True)
class UNetSpec(Spec):
    """Numbers of one variant; `drop_rate` is the dropout at the end of the contracting path (sec. 3.1)."""

    widths: tuple[int, ...] = (64, 128, 256, 512, 1024)  # channels per level
    img_size: tuple[int, int] = (572, 572)

    def __post_init__(self) -> None:
        self.check_stages("widths")
        super().__post_init__()

    @property
    def feature_shapes(self) -> tuple[FeatureShape, ...]:
        """The contracting path."""
        return tuple(FeatureShape(width, 2**i) for i, width in enumerate(self.widths))

    @property
    def margin(self) -> int:
        """Pixels on each side of the image that get no logits."""
        coarsest = 2 ** (len(self.widths) - 1)
        return 4 * (coarsest - 1) + 2 * coarsest  # each 3x3 convolution takes one place: two at the bottom, else four

    @property
    def image_sizes(self) -> ImageSizes:
        """Every map that is pooled has even sides, and something is left in the end."""
        coarsest = 2 ** (len(self.widths) - 1)
        remainder = 4 * (coarsest - 1) % coarsest
        least = 2 * self.margin + 1
        return ImageSizes(multiple=coarsest, remainder=remainder, minimum=least + (remainder - least) % coarsest)


def _convolve_twice(width_in: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        Conv2d(width_in, width, 3), nn.ReLU(inplace=True), Conv2d(width, width, 3), nn.ReLU(inplace=True)
    )


def _crop(x: FeatureMap, height: int, width: int) -> Float[Tensor, "b c height width"]:
    """The middle of a map."""
    top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
    return x[:, :, top : top + height, left : left + width]


class UNet(Segmenter):
    """A contracting path, whose maps are cropped and merged into an expansive one."""

    def __init__(self, spec: UNetSpec, *, num_classes: int = 2, in_chans: int = 1) -> None:
        super().__init__(spec, num_classes=num_classes, in_chans=in_chans)
        self.margin, widths = spec.margin, spec.widths
        self.contract = nn.ModuleList(
            _convolve_twice(width_in, width) for width_in, width in zip((in_chans, *widths), widths, strict=False)
        )
        self.dropout = nn.Dropout(spec.drop_rate)
        rises = list(zip(widths[:0:-1], widths[-2::-1], strict=True))  # from the coarsest level up
        self.expand = nn.ModuleList(nn.ConvTranspose2d(below, width, 2, stride=2) for below, width in rises)
        self.merge = nn.ModuleList(_convolve_twice(2 * width, width) for _, width in rises)
        self.head = Conv2d(widths[0], num_classes, 1)
        self.apply(_initialise)

    def forward(self, images: Images) -> LogitMaps:
        """Logits of all pixels that are `margin` or more away from the border."""
        self.spec.check_size(images.shape[2], images.shape[3])
        maps = [self.contract[0](images)]
        for level in self.contract[1:]:
            maps.append(level(max_pool2d(maps[-1], 2)))
        x = self.dropout(maps.pop())
        for expand, merge in zip(self.expand, self.merge, strict=True):
            x = expand(x)
            x = merge(torch.cat((_crop(maps.pop(), x.shape[2], x.shape[3]), x), dim=1))
        return self.head(x)


class UpBlock(nn.Module):
    """Enlarge a coarse map to the places of a fine one, and merge the two; without `skip`, enlarge alone.

    Channels are narrowed before the map is enlarged: the other way round gives the same and costs more. Where the
    fine map is no finer than the coarse one, `scale` enlarges it too.
    """

    def __init__(self, below: int, beside: int, width: int, *, scale: int, skip: bool) -> None:
        super().__init__()
        self.scale, self.skip = scale, skip
        self.narrow = Conv2d(below, width, 1)
        self.narrow_fine = Conv2d(beside, width, 1) if skip and scale > 1 else nn.Identity()
        merged = width + (0 if not skip else width if scale > 1 else beside)
        self.merge = nn.Sequential(ConvNorm(merged, width, 3, act=nn.ReLU), ConvNorm(width, width, 3, act=nn.ReLU))

    def forward(self, coarse: FeatureMap, fine: Float[Tensor, "b d _ _"]) -> Float[Tensor, "b e _ _"]:
        """A map of `scale` times as many places as the fine one along each side."""
        size = (self.scale * fine.shape[2], self.scale * fine.shape[3])
        enlarged = interpolate(self.narrow(coarse), size, mode="bilinear")
        if not self.skip:
            return self.merge(enlarged)
        fine = self.narrow_fine(fine)
        fine = interpolate(fine, size, mode="bilinear") if self.scale > 1 else fine
        return self.merge(torch.cat((fine, enlarged), dim=1))


class PaddedUNet(Segmenter):
    """A U-Net that any backbone leads down; its pool and head are dropped, its `drop_rate` is that of the paper.

    All its levels are merged, and in the end the pixels. Of a backbone with one grid, such as a ViT, four blocks at
    equal distances stand for a pyramid, as in Hatamizadeh et al. 2021, arXiv:2103.10504, fig. 2. Images of any size
    are taken: zeros are appended up to one that suits the backbone. Without `skips` no fine map is merged: all that
    is known of places comes through the coarsest one. Departs from the paper: convolutions are padded and
    batch-normed, maps are enlarged by interpolation, and `width`, the channels at the finest level, is 16.
    """

    def __init__(self, encoder: Backbone, *, num_classes: int, width: int = 16, skips: bool = True) -> None:
        super().__init__(encoder.spec, num_classes=num_classes, in_chans=encoder.in_chans)
        levels = list(encoder.spec.levels.values())
        picked = _pick_levels([level.stride for level in levels])
        besides = [(levels[i].width, scale) for i, scale in picked.items()]
        if levels[0].stride > besides[0][1]:
            besides.insert(0, (encoder.in_chans, 1))
        self.encoder = FeatureList(encoder, list(picked))
        below, _ = besides.pop()
        self.dropout = nn.Dropout(encoder.spec.drop_rate)
        self.expand = nn.ModuleList()
        for i, (beside, scale) in reversed(list(enumerate(besides))):
            self.expand.append(UpBlock(below, beside, width * 2 ** min(i, 4), scale=scale, skip=skips))
            below = width * 2 ** min(i, 4)
        self.head = Conv2d(below, num_classes, 1)
        self.expand.apply(_initialise)

    def forward(self, images: Images) -> LogitMaps:
        """Logits of every pixel."""
        height, width = images.shape[2:]
        sizes = self.spec.image_sizes
        images = pad(images, (0, sizes.above(width) - width, 0, sizes.above(height) - height))
        maps = [images, *self.encoder(images)]
        x = self.dropout(maps.pop())
        for expand in self.expand:
            x = expand(x, maps.pop())
        return self.head(x)[:, :, :height, :width]


def _pick_levels(strides: list[int]) -> dict[int, int]:
    """Which of a backbone's levels to merge, finest first, and how many times to enlarge each."""
    if len(set(strides)) > 1:
        return dict.fromkeys(range(len(strides)), 1)
    count = min(4, len(strides), strides[0].bit_length())  # none finer than pixels
    return {len(strides) * (i + 1) // count - 1: 2 ** (count - 1 - i) for i in range(count)}


def _initialise(module: nn.Module) -> None:
    """Standard deviation sqrt(2 / N), N the numbers that enter a neuron (sec. 3)."""
    if isinstance(module, nn.ConvTranspose2d):
        nn.init.normal_(module.weight, std=(2 / module.in_channels) ** 0.5)  # its taps do not overlap
    elif isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.bias is not None:
        nn.init.zeros_(module.bias)


ARCHITECTURE = Architecture(
    model=UNet,
    kind=Kind.CNN,
    paper=Paper(
        title="U-Net: Convolutional Networks for Biomedical Image Segmentation",
        authors="Ronneberger et al.",
        year=2015,
        arxiv="1505.04597",
    ),
    bias=(
        "That of convolutions, nearby pixels first and the same everywhere, and one more: what a pixel is depends on "
        "what surrounds it at every scale, so fine maps are kept and merged with coarse ones. It learns from very few "
        "annotated images."
    ),
    presets={"unet": UNetSpec()},
    ours={"unet_nano": UNetSpec(widths=(48, 96, 192), img_size=(64, 64))},
)
