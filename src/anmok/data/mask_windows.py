"""Which part of an image, with its mask, a training looks at."""

from dataclasses import dataclass
from math import floor

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int, UInt8
from torch.nn.functional import interpolate

from anmok.data.augment import Augmentation
from anmok.data.augment.geometry import folded
from anmok.data.decode import RgbImage
from anmok.data.picture import resized
from anmok.data.views import ResizedCrop, View

LABELS = 3  # the layer with the class of each pixel; before it come red, green and blue,
BORDERS = 4  # and after it, where it is asked for, how near the borders of two objects are, in 1/255

Layers = UInt8[np.ndarray, "layers height width"]
Square = UInt8[np.ndarray, "layers size size"]


@dataclass(frozen=True, kw_only=True)
class Windows:
    """A rule that cuts a square out of all layers of an image.

    Without an augmentation the middle one. A crop lies anywhere, and may reach beyond the border by a share `shift`
    of its side, so that what lies there comes to lie in the middle too; what is beyond is the mirrored inside
    (Ronneberger et al. 2015, arXiv:1505.04597, fig. 2). A resized crop is a box of random area and shape.
    """

    size: int  # pixels
    augmentation: Augmentation
    shift: float = 0.0
    crop_area: float = 1.0  # smallest share of the image that a resized crop takes

    @property
    def numbers(self) -> int:
        """How many random numbers a square takes."""
        return ResizedCrop.numbers if self._resizes else 2

    def cut(self, layers: Layers, numbers: Float[np.ndarray, " m"]) -> Square:
        """Choose and cut it, given that many numbers from [0, 1)."""
        sides = height, width = layers.shape[1:]
        if self._resizes:
            crop = ResizedCrop(area=(self.crop_area, 1.0))
            return _zoomed(layers, crop.view(height, width, self.size, numbers))
        starts = [self._start(side, number) for side, number in zip(sides, numbers.tolist(), strict=True)]
        rows, columns = (folded(np.arange(self.size) + s, side) for s, side in zip(starts, sides, strict=True))
        return np.ascontiguousarray(layers[:, rows[:, None], columns])

    @property
    def _resizes(self) -> bool:
        return self.augmentation.endswith("resized-crop")

    def _start(self, side: int, number: float) -> int:
        room, beyond = side - self.size, floor(self.shift * self.size)
        if self.augmentation is Augmentation.NONE:
            return room // 2
        low, high = min(0, room) - beyond, max(0, room) + beyond
        return low + floor(number * (high - low + 1))


def reduced_size(height: int, width: int, shorter: int) -> tuple[int, int]:
    """Height and width in proportion, with no shorter side above `shorter`."""
    least = max(min(height, width), shorter)
    return round(height * shorter / least), round(width * shorter / least)


def reduced(image: RgbImage, mask: UInt8[np.ndarray, "height width"], shorter: int) -> UInt8[np.ndarray, "4 h w"]:
    """Colours and classes as layers, at that size: bicubic and antialiased, and the nearest pixel's."""
    height, width = mask.shape
    size = reduced_size(height, width, shorter)
    planes = torch.from_numpy(rearrange(image, "height width c -> 1 c height width"))
    if size != (height, width):
        planes = interpolate(planes, size, mode="bicubic", antialias=True)
    classes = mask[_nearest(0, height, size[0])[:, None], _nearest(0, width, size[1])]
    return np.concatenate((planes[0].numpy(), classes[None]))


def _zoomed(layers: Layers, view: View) -> Square:
    (top, height, *_), (left, width, *_), size = view
    region = torch.from_numpy(layers[:, top : top + height, left : left + width])
    zoomed = resized(region, view).numpy()
    zoomed[LABELS] = layers[LABELS, _nearest(top, height, size)[:, None], _nearest(left, width, size)]
    return zoomed


def _nearest(start: int, length: int, count: int) -> Int[np.ndarray, " count"]:
    """The nearest of `length` pixels from `start` on, to each of `count` at equal distances."""
    return start + np.floor((np.arange(count) + 0.5) * (length / count)).astype(np.int64)
