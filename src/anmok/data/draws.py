"""Random numbers that belong to an image, whichever batch, thread or machine asks for them."""

from math import pi

import numpy as np
from jaxtyping import Bool, Float64, Int, Int64

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


class Draws:
    """One stream of random numbers for each image of a part of an epoch.

    A number depends on (seed, epoch, position in the epoch's order) and on how many were drawn before, alone: so
    an image looks the same however large its batch is and whoever prepares it. The generator is splitmix64
    (Steele et al. 2014, "Fast splittable pseudorandom number generators", fig. 17), all streams at once.
    """

    def __init__(self, seed: int, epoch: int, positions: Int[np.ndarray, " n"]) -> None:
        (start,) = np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)
        self._state = _mixed(start ^ _mixed(positions.astype(np.uint64) * _GOLDEN))

    def __len__(self) -> int:
        """Count the images."""
        return len(self._state)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Float64[np.ndarray, " n"]:
        """Draw one number from [low, high) for each image."""
        self._state = self._state + _GOLDEN
        return low + (high - low) * ((_mixed(self._state) >> np.uint64(11)) * 2.0**-53)

    def integers(self, low: int, high: int) -> Int64[np.ndarray, " n"]:
        """Draw one of low, ..., high - 1 for each image."""
        return np.floor(self.uniform(low, high)).astype(np.int64)

    def chance(self, probability: float) -> Bool[np.ndarray, " n"]:
        """Say yes for each image with this probability."""
        return self.uniform() < probability

    def normal(self) -> Float64[np.ndarray, " n"]:
        """Draw one number from the standard normal distribution for each image (Box & Muller 1958)."""
        radius = np.sqrt(-2 * np.log1p(-self.uniform()))
        return radius * np.cos(2 * pi * self.uniform())


def _mixed(bits: np.ndarray) -> np.ndarray:
    bits = (bits ^ (bits >> np.uint64(30))) * _MIX[0]
    bits = (bits ^ (bits >> np.uint64(27))) * _MIX[1]
    return bits ^ (bits >> np.uint64(31))
