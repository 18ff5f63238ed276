"""What detectors look at: maps of an image at four scales, whatever the backbone."""

from math import ceil, lcm
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from anmok.backbone.backbone import Backbone, FeatureMaps
from anmok.backbone.feature_list import FeatureList
from anmok.backbone.spec import FeatureShape
from anmok.errors import SpecError
from anmok.layers import ChannelNorm, Conv2d, resample
from anmok.shapes import FeatureMap, Images

STRIDES = (4, 8, 16, 32)


class Pyramid(nn.Module):
    """Images -> maps of strides 4, 8, 16 and 32 with `width` channels each, by torchvision's names '0' to '3'.

    Place i of a map lies over the pixels from stride · i on; a map has ceil(side / stride) places. Images of any size
    are taken: zeros are appended up to one that suits the backbone. A backbone with maps of several strides gets a
    `TopDown`, one with a single grid a `SimplePyramid`. What comes after the last map that is used is dropped.
    """

    strides: ClassVar[tuple[int, ...]] = STRIDES

    def __init__(self, backbone: Backbone, *, width: int = 256) -> None:
        super().__init__()
        if width < 1:
            raise SpecError(f"The maps of a pyramid have 1 or more channels: got width={width}.")
        self.spec = backbone.spec
        self.out_channels = width  # torchvision's name
        shapes = list(self.spec.levels.values())
        strides = [shape.stride for shape in shapes]
        self.merge: TopDown | SimplePyramid
        if len(set(strides)) == 1:
            used = [len(shapes) - 1]
            self.merge = SimplePyramid(shapes[-1], width)
        else:
            used = [i for i, stride in enumerate(strides) if stride in STRIDES]
            if not used:
                raise SpecError(
                    f"A pyramid starts from a map of stride 4, 8, 16 or 32: this network has {strides}. Choose another."
                )
            self.merge = TopDown([shapes[i] for i in used], width)
        self.backbone = FeatureList(backbone, used)

    @property
    def channels(self) -> tuple[int, ...]:
        """Those of each map."""
        return (self.out_channels,) * len(STRIDES)

    def forward(self, images: Images) -> dict[str, Float[Tensor, "b d _ _"]]:
        """The maps, finest first."""
        height, width = images.shape[2:]
        sizes = self.spec.image_sizes
        step = lcm(sizes.multiple, STRIDES[-1])
        rows, columns = (step * ceil(sizes.above(side) / step) for side in (height, width))
        padded = pad(images, (0, columns - width, 0, rows - height))
        maps = self.merge(self.backbone(padded), rows, columns)
        return {
            str(i): map[:, :, : ceil(height / stride), : ceil(width / stride)]
            for i, (stride, map) in enumerate(zip(STRIDES, maps, strict=True))
        }


class TopDown(nn.Module):
    """A feature pyramid network: what coarse maps know is added to fine ones.

    Lin et al. 2017, arXiv:1612.03144, fig. 3. Strides beyond the coarsest map's follow from the last output by 3x3
    convolutions of stride 2, as in Tian et al. 2019, arXiv:1904.01355, sec. 3.2, with a ReLU before each; a finer
    stride that has no map gets the coarser one's sum alone. The maps of backbones that pad less than they filter have
    missing places: zeros on all sides.
    """

    def __init__(self, shapes: list[FeatureShape], width: int) -> None:
        super().__init__()
        self.inputs = [shape.stride for shape in shapes]
        merged = [stride for stride in STRIDES if stride <= self.inputs[-1]]
        self.lateral = nn.ModuleList(Conv2d(shape.width, width, 1) for shape in shapes)
        self.smooth = nn.ModuleList(Conv2d(width, width, 3, padding=1) for _ in merged)
        self.coarsen = nn.ModuleList(
            nn.Sequential(nn.ReLU(), Conv2d(width, width, 3, stride=2, padding=1)) for _ in STRIDES[len(merged) :]
        )
        self.apply(_initialise)

    def forward(self, maps: FeatureMaps, rows: int, columns: int) -> FeatureMaps:
        """One map for each of the strides, finest first, of an image of rows x columns pixels."""
        beside = {
            stride: _centred(lateral(map), rows // stride, columns // stride)
            for stride, lateral, map in zip(self.inputs, self.lateral, maps, strict=True)
        }
        merged = [beside[self.inputs[-1]]]
        for stride in reversed(STRIDES[: len(self.smooth) - 1]):
            above = interpolate(merged[0], scale_factor=2, mode="nearest")
            merged.insert(0, above + beside[stride] if stride in beside else above)
        outputs = [smooth(x) for smooth, x in zip(self.smooth, merged, strict=True)]
        for coarsen in self.coarsen:
            outputs.append(coarsen(outputs[-1]))
        return outputs


class SimplePyramid(nn.Module):
    """Four scales from the last map of a backbone with one grid, in parallel.

    Li et al. 2022, arXiv:2203.16527, sec. 3 and app. A.2: 2x2 deconvolutions lead to finer maps, max pooling to
    coarser ones, then a 1x1 and a 3x3 convolution, all normed. A map whose stride is none of the four, such as a
    patch of 14 pixels, is first resampled to the nearest, and so is that of a network that sees no places.
    """

    def __init__(self, shape: FeatureShape, width: int) -> None:
        super().__init__()
        self.stride = min(STRIDES, key=lambda stride: max(stride, shape.stride) / min(stride, shape.stride))
        self.scales = nn.ModuleList()
        for stride in STRIDES:
            parts, channels = _rescale(shape.width, self.stride, stride)
            parts += [Conv2d(channels, width, 1, bias=False), ChannelNorm(width)]
            parts += [Conv2d(width, width, 3, padding=1, bias=False), ChannelNorm(width)]
            self.scales.append(nn.Sequential(*parts))
        self.apply(_initialise)

    def forward(self, maps: FeatureMaps, rows: int, columns: int) -> FeatureMaps:
        """One map for each of the strides, finest first, of an image of rows x columns pixels."""
        (x,) = maps
        size = (rows // self.stride, columns // self.stride)
        x = x if x.shape[2:] == size else resample(x, size, "bilinear")
        return [scale(x) for scale in self.scales]


def _rescale(channels: int, stride: int, wanted: int) -> tuple[list[nn.Module], int]:
    """From one stride to another, and the channels after it: deconvolutions halve them."""
    if wanted > stride:
        return [nn.MaxPool2d(wanted // stride)], channels
    parts: list[nn.Module] = []
    while stride > wanted:
        parts += [ChannelNorm(channels), nn.GELU()] if parts else []
        parts.append(nn.ConvTranspose2d(channels, max(1, channels // 2), 2, stride=2))
        channels, stride = max(1, channels // 2), stride // 2
    return parts, channels


def _centred(x: FeatureMap, rows: int, columns: int) -> Float[Tensor, "b c rows columns"]:
    """A map with the same places missing, or too many, on both sides."""
    down, across = rows - x.shape[2], columns - x.shape[3]
    if not (down or across):
        return x
    return pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))


def _initialise(module: nn.Module) -> None:
    """Variance 1 / inputs: the convolutions are linear."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
