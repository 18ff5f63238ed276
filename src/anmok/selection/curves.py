"""Learning curves: what accuracy will a model reach with more images than it has seen?

Error falls as a power of the number of images, err(n) = c + a n^-b (Hestness et al. 2017, arXiv:1712.00409;
Rosenfeld et al. 2020, arXiv:1909.12673). The posterior over (a, b, c) is computed on a grid of b and c;
a is linear given these and is integrated out. With one point seen, the prior speaks; with four, the points do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_EXPONENTS = np.linspace(0.05, 1.1, 22)
_FLOORS = np.linspace(0.0, 0.95, 20)  # irreducible error as a share of the smallest error seen
_TRAINING_NOISE = 0.01  # standard deviation of the accuracy from one seed to another; pessimistic for n > 1,000


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """Accuracy after training on `images` images, with the number of images it was measured on."""

    images: int
    accuracy: float  # in [0, 1]
    measured_on: int


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """Expected accuracy at some number of images, in [0, 1]; the interval covers 80 %."""

    images: int
    mean: float
    low: float
    high: float


class LearningCurve:
    """The posterior of one model's power law, as draws; the same points and seed give the same draws.

    Curves that are to be compared need different seeds: with one seed they would rise and fall together.
    """

    def __init__(self, points: Sequence[CurvePoint], *, seed: int, draws: int = 4000) -> None:
        n = np.array([p.images for p in points], float)
        error = np.array([1 - p.accuracy for p in points])
        smoothed = (error * [p.measured_on for p in points] + 0.5) / ([p.measured_on + 1 for p in points])
        variance = smoothed * (1 - smoothed) / [p.measured_on for p in points] + _TRAINING_NOISE**2

        b, c = (g.ravel() for g in np.meshgrid(_EXPONENTS, _FLOORS * smoothed.min(), indexing="ij"))
        basis = n[None, :] ** -b[:, None]
        information = (basis**2 / variance).sum(1)
        a = np.maximum((basis * (error - c[:, None]) / variance).sum(1) / information, 0.0)  # error never rises
        misfit = ((error - c[:, None] - a[:, None] * basis) ** 2 / variance).sum(1)
        weight = np.exp(-0.5 * (misfit - misfit.min())) * _prior(b)

        random = np.random.default_rng(seed)
        cell = random.choice(len(b), size=draws, p=weight / weight.sum())
        self._b, self._c = b[cell], c[cell]
        self._a = np.maximum(a[cell] + random.standard_normal(draws) / np.sqrt(information[cell]), 0.0)

    def draws(self, images: float) -> Float[np.ndarray, " draws"]:
        """Possible accuracies at a number of images, in [0, 1]."""
        return np.clip(1 - self._c - self._a * images**-self._b, 0.0, 1.0)

    def expect(self, images: int) -> Expectation:
        """Mean and 80 % interval of the accuracy at a number of images."""
        possible = self.draws(images)
        low, high = np.quantile(possible, [0.1, 0.9])
        return Expectation(images=images, mean=float(possible.mean()), low=float(low), high=float(high))

    @property
    def exponent(self) -> float:
        """Posterior mean of b: how fast the error falls with more images; the larger, the more data-efficient."""
        return float(self._b.mean())


def chance_near_best(curves: dict[str, LearningCurve], images: int, within: float) -> dict[str, float]:
    """For each model, the probability that at `images` it comes within `within` of the best of all."""
    possible = np.stack([curve.draws(images) for curve in curves.values()])
    near = possible >= possible.max(0) - within
    return dict(zip(curves, near.mean(1).tolist(), strict=True))


def _prior(b: np.ndarray) -> np.ndarray:
    """Exponents found for image classifiers scatter around 0.35 (Hestness et al. 2017, sec. 4)."""
    return np.exp(-0.5 * ((b - 0.35) / 0.2) ** 2)
