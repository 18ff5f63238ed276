"""Claims, and what differences between paired trainings say of them."""

from dataclasses import dataclass
from math import exp, sqrt
from statistics import mean, stdev

from scipy.stats import t as student

from training import Arm, Record

Rows = dict[str, Record]  # of the arms, one seed


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Sum of a quantity over some arms, less that over as many others, seed by seed."""

    text: str
    plus: tuple[str, ...]
    minus: tuple[str, ...]
    quantity: str = "test accuracy"
    against: str = ""  # the quantity of the others, where it is another
    decides: bool = True  # the claim says that it is above 0
    ratio: bool = False  # of logarithms: the exponential is shown, and the claim says above 1


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A claim and what it takes to judge it."""

    claim: str
    source: str
    protocol: str
    arms: dict[str, Arm]
    contrasts: tuple[Contrast, ...]

    def verdict(self, seeds: list[Rows]) -> str:
        """What all the contrasts that decide say together."""
        sides = {interval(contrast, seeds).side for contrast in self.contrasts if contrast.decides}
        if sides == {"above"}:
            return "supported"
        if "below" in sides:
            return "supported in part" if "above" in sides else "not supported"
        return "not resolved"


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over seeds with its 95 % interval."""

    values: tuple[float, ...]  # one a seed
    value: float
    low: float
    high: float
    null: float  # what no effect gives

    @property
    def side(self) -> str:
        """Where all of it lies."""
        return "above" if self.low > self.null else "below" if self.high < self.null else "both sides"


def interval(contrast: Contrast, seeds: list[Rows]) -> Interval:
    """Student's, of what the contrast is for each seed."""
    values = [
        sum(float(rows[arm][contrast.quantity]) for arm in contrast.plus)
        - sum(float(rows[arm][contrast.against or contrast.quantity]) for arm in contrast.minus)
        for rows in seeds
    ]
    centre = mean(values)
    half = float(student.ppf(0.975, len(values) - 1)) * stdev(values) / sqrt(len(values))
    shown = exp if contrast.ratio else float
    return Interval(
        values=tuple(map(shown, values)),
        value=shown(centre),
        low=shown(centre - half),
        high=shown(centre + half),
        null=shown(0.0),
    )
