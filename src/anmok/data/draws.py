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
    `rows` are the images of an epoch that has each of them once.
    """

    def __init__(
        self, seed: int, epoch: int, positions: Int[np.ndarray, " n"], rows: Int[np.ndarray, " n"] | None = None
    ) -> None:
        self._seed, self._epoch, self._rows = seed, epoch, rows
        self._state = _streams((seed, epoch), positions)

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

    def turns(self) -> Bool[np.ndarray, " n"]:
        """Say yes for each image in every other epoch, by lot in the odd or the even ones.

        Jordan 2024, arXiv:2404.00498, sec. 3.6. Where an epoch may have an image twice, it is a chance of one half.
        """
        if self._rows is None:
            return self.chance(0.5)
        return (_streams((self._seed,), self._rows) + np.uint64(self._epoch)) % np.uint64(2) == 1

    def normal(self) -> Float64[np.ndarray, " n"]:
        """Draw one number from the standard normal distribution for each image (Box & Muller 1958)."""
        radius = np.sqrt(-2 * np.log1p(-self.uniform()))
        return radius * np.cos(2 * pi * self.uniform())


def _streams(seed: tuple[int, ...], places: Int[np.ndarray, " n"]) -> np.ndarray:
    (start,) = np.random.SeedSequence(seed).generate_state(1, np.uint64)
    return _mixed(start ^ _mixed(places.astype(np.uint64) * _GOLDEN))


def _mixed(bits: np.ndarray) -> np.ndarray:
    bits = (bits ^ (bits >> np.uint64(30))) * _MIX[0]
    bits = (bits ^ (bits >> np.uint64(27))) * _MIX[1]
    return bits ^ (bits >> np.uint64(31))
