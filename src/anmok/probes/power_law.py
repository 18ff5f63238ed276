"""y = a x^b, fitted on logarithms."""

from collections.abc import Sequence
from math import exp, sqrt
from typing import NamedTuple

import numpy as np

from anmok.evaluation.student import student_quantile


class Estimate(NamedTuple):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def interval(self) -> tuple[float, float]:
        """Its ends."""
        return self.low, self.high


class PowerLaw(NamedTuple):
    """A straight line through log x and log y by least squares, and how far the points lie from it."""

    x: float  # mean of log x
    y: float  # mean of log y
    slope: float
    slope_error: float  # standard errors, of the slope and of the mean of log y; they are independent
    mean_error: float
    t: float  # Student's quantile for the points that are left

    @property
    def exponent(self) -> Estimate:
        """b, with Student's interval."""
        half = self.t * self.slope_error
        return Estimate(self.slope, self.slope - half, self.slope + half)

    @property
    def unity(self) -> Estimate:
        """The x at which y is 1, with the interval of the delta method on log x."""
        place = self.x - self.y / self.slope
        half = self.t * sqrt(self.mean_error**2 + (self.y / self.slope * self.slope_error) ** 2) / abs(self.slope)
        return Estimate(*(exp(min(x, 700.0)) for x in (place, place - half, place + half)))


def fit_power_law(x: Sequence[float], y: Sequence[float]) -> PowerLaw:
    """Fit three points or more, whose x differ and whose numbers are positive."""
    log_x, log_y = np.log(np.asarray(x, dtype=np.float64)), np.log(np.asarray(y, dtype=np.float64))
    centred = log_x - log_x.mean()
    spread, left = float((centred**2).sum()), len(log_x) - 2
    slope = float(centred @ log_y) / spread
    scatter = float(((log_y - log_y.mean() - slope * centred) ** 2).sum()) / left
    return PowerLaw(
        x=float(log_x.mean()),
        y=float(log_y.mean()),
        slope=slope,
        slope_error=sqrt(scatter / spread),
        mean_error=sqrt(scatter / len(log_x)),
        t=student_quantile(left),
    )
