"""The shapes that learning curves take: three families of laws, each on a grid.

Every law is written as error(n) = E * shape(n), where E is the error at a reference number of images N and
shape(N) = 1. That makes laws of different families comparable, leaves one linear unknown, and lets knowledge of the
error at N, from whatever source, enter as knowledge of E. With x = n / N and a floor r, the share of the error at N
that no number of images removes, shape = r + (1 - r) h(x) / h(1), where h is

- a power law, x^-b: what data-size laws find (Hestness et al. 2017, arXiv:1712.00409);
- a stretched exponential, exp(-(x / s)^d): curves that saturate (Weibull's);
- a logistic in log n, 1 / (1 + (x / s)^d): curves that start late, as those of Transformers do (MMF, log-power).

All three are among the families that LCDB fits to thousands of curves (Mohr et al. 2022).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

_STEEPEST = 40.0  # ratio of the errors at N / 16 and at N; no recorded curve comes near it
_FLOORS = (0.0, 0.3, 0.6, 0.8, 0.92)


@dataclass(frozen=True)
class Shapes:
    """A grid of laws, flattest first; one array entry each."""

    family: Float[np.ndarray, " cells"]
    scale: Float[np.ndarray, " cells"]
    power: Float[np.ndarray, " cells"]
    floor: Float[np.ndarray, " cells"]
    prior: Float[np.ndarray, " cells"]  # sums to 1; each family has a third

    def ratios(self, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, "cells n"]:
        """Error at x times the reference number of images over the error there."""
        falling = np.exp(self._log_falling(np.asarray(x, float)) - self._log_falling(np.ones(1)))
        return np.asarray(self.floor[:, None] + (1 - self.floor[:, None]) * falling)

    def part(self, cells: np.ndarray) -> "Shapes":
        """Some of the laws, in that order."""
        return Shapes(*(getattr(self, name)[cells] for name in ("family", "scale", "power", "floor", "prior")))

    def _log_falling(self, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, "cells n"]:
        grown = (x[None, :] / self.scale[:, None]) ** self.power[:, None]
        family = self.family[:, None]
        return np.asarray(np.where(family == 0, -np.log(grown), np.where(family == 1, -grown, -np.log1p(grown))))


def _grid() -> Shapes:
    families: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = [
        (np.ones(1), np.linspace(0.05, 1.25, 13), np.array(_FLOORS)),
        (np.geomspace(1 / 16, 8, 7), np.array([0.35, 0.7, 1.2]), np.array(_FLOORS[:4:3])),
        (np.geomspace(1 / 16, 8, 7), np.array([0.5, 1.0, 2.0]), np.array(_FLOORS[:4:3])),
    ]
    cells = [
        (family, scale, power, floor)
        for family, axes in enumerate(families)
        for scale in axes[0]
        for power in axes[1]
        for floor in axes[2]
    ]
    family, scale, power, floor = np.array(cells).T
    shapes = Shapes(family, scale, power, floor, np.ones(len(cells)))
    drop = shapes.ratios(np.array([1 / 16]))[:, 0]
    order = np.argsort(drop, kind="stable")
    shapes = shapes.part(order[drop[order] < _STEEPEST])
    of_family = np.array([(shapes.family == family).sum() for family in shapes.family])
    return Shapes(shapes.family, shapes.scale, shapes.power, shapes.floor, 1 / (3 * of_family))


SHAPES = _grid()


@lru_cache(maxsize=4096)
def ratios_at(x: float) -> Float[np.ndarray, " cells"]:
    """Of every law of the grid, the error at x times the reference number of images over the error there."""
    return SHAPES.ratios(np.array([x]))[:, 0]


START = ratios_at(1 / 16)
