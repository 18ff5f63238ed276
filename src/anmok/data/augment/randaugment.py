"""RandAugment: so many operations, drawn at random, all of one strength."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from anmok.data.augment.operations import Layer, Operation, operate
from anmok.data.draws import Draws
from anmok.shapes import Pixels

_STRONGEST = 10  # the magnitude at which AutoAugment's ranges end
_LIMIT = 30


class RandAugment(NamedTuple):
    """As many operations as there are layers, drawn for each image anew (Cubuk et al. 2020, arXiv:1909.13719).

    Magnitude 10 is the strongest of AutoAugment; what lies above goes on in proportion, up to 30, as in the paper.
    The operations and their strengths are timm's ("rand-m9-mstd0.5-inc1"), with which DeiT, Swin, ConvNeXt and others
    were trained: every one changes the image more the greater the magnitude is. Departs from the paper by that, by
    Invert and SolarizeAdd, and by a `probability` (timm: 0.5) where the paper has the identity among its operations.
    """

    layers: int
    magnitude: float
    deviation: float = 0.0  # of the magnitude, from image to image and layer to layer
    probability: float = 1.0  # of a layer to change an image

    def __call__(self, pixels: Pixels, draws: Draws) -> Pixels:
        """Change each image."""
        return operate(pixels, [self._drawn(draws) for _ in range(self.layers)])

    def _drawn(self, draws: Draws) -> Layer:
        choices = draws.integers(0, len(_CHOICES))
        magnitude = np.clip(self.magnitude + self.deviation * draws.normal(), 0, _LIMIT)
        level = np.where(draws.chance(0.5), magnitude, -magnitude) / _STRONGEST
        operations = np.where(draws.chance(self.probability), np.array(_CHOICES)[choices], Operation.IDENTITY)
        strengths = np.zeros(len(level))
        for operation in np.unique(operations[operations != Operation.IDENTITY]):
            mine = operations == operation
            strengths[mine] = _STRENGTHS[Operation(operation)](level[mine])
        return Layer(operations, strengths)


def _factor(level: Float[np.ndarray, " b"]) -> Float[np.ndarray, " b"]:
    return np.maximum(0.1, 1 + 0.9 * level)


def _times(unit: float) -> Callable[[Float[np.ndarray, " b"]], Float[np.ndarray, " b"]]:
    return lambda level: unit * level


def _no_strength(level: Float[np.ndarray, " b"]) -> Float[np.ndarray, " b"]:
    return np.zeros(len(level))


# From a level in [-3, 3], 1 being AutoAugment's strongest; the sign says to which side, where there are two.
_STRENGTHS: Mapping[Operation, Callable[[Float[np.ndarray, " b"]], Float[np.ndarray, " b"]]] = {
    Operation.SHEAR_X: _times(0.3),
    Operation.SHEAR_Y: _times(0.3),
    Operation.ROTATE: _times(30),
    Operation.TRANSLATE_X: _times(0.45),
    Operation.TRANSLATE_Y: _times(0.45),
    Operation.BRIGHTNESS: _factor,
    Operation.CONTRAST: _factor,
    Operation.COLOR: _factor,
    Operation.SHARPNESS: _factor,
    Operation.AUTOCONTRAST: _no_strength,
    Operation.EQUALIZE: _no_strength,
    Operation.INVERT: _no_strength,
    # One bit at least: without any, nothing is left to be seen.
    Operation.POSTERIZE: lambda level: np.maximum(1, 4 - np.floor(4 * np.abs(level))),
    Operation.SOLARIZE: lambda level: np.maximum(0, 256 - np.floor(256 * np.abs(level))),
    Operation.SOLARIZE_ADD: lambda level: np.floor(110 * np.abs(level)),
}
_CHOICES = tuple(_STRENGTHS)
