"""Colour jitter."""

import numpy as np

from anmok.data.augment.operations import Layer, Operation, operate
from anmok.data.draws import Draws
from anmok.shapes import Pixels

_JITTERED = np.array([Operation.BRIGHTNESS, Operation.CONTRAST, Operation.COLOR])


def jittered(pixels: Pixels, reach: float, draws: Draws) -> Pixels:
    """Change brightness, contrast and saturation of each image by factors of [1 - reach, 1 + reach], in any order."""
    factors = np.stack([draws.uniform(max(0.0, 1 - reach), 1 + reach) for _ in _JITTERED], axis=1)
    orders = np.argsort([draws.uniform() for _ in _JITTERED], axis=0)
    images = np.arange(len(pixels))
    return operate(pixels, [Layer(_JITTERED[order], factors[images, order]) for order in orders])
