"""What a claim is, and what the differences between its arms say of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, log, sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Protocol, TypeAlias, runtime_checkable

from anmok.claims.material import Material
from anmok.evaluation.student import student_quantile

Record: TypeAlias = dict[str, float | int | str]
"""Named quantities of one arm."""
Rows: TypeAlias = dict[str, Record]
"""All arms of one replicate."""

TEST = "test accuracy"
TRAINING = "training accuracy"


class Verdict(StrEnum):
    """What the differences say together."""

    SUPPORTED = "supported"
    IN_PART = "supported in part"
    NOT_SUPPORTED = "not supported"
    NOT_RESOLVED = "not resolved"


class Needs(StrEnum):
    """The images that a claim is put to the test with."""

    ANY = "any"  # labelled images
    FASHION = "fashion"  # those that ship with the package
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What an arm is run with; all arms of a replicate share it."""

    material: Material | None  # None where the claim needs no images
    replicate: str  # a seed, or what else the claim is repeated over
    weights: Callable[[str], Path]  # where an arm keeps its weights for others

    @property
    def seed(self) -> int:
        """Of weights and images."""
        return int(self.replicate)


@runtime_checkable
class Arm(Protocol):
    """One side of a comparison: a training or a measurement."""

    @property
    def teacher(self) -> str:
        """Another arm, whose weights it takes; empty where it takes none."""

    def run(self, situation: Situation, keep: Path | None) -> Record:
        """Its quantities; the weights are kept where `keep` says."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Sum of a quantity over some arms, less that over others, replicate by replicate; or a quotient of products."""

    text: str
    plus: tuple[str, ...]
    minus: tuple[str, ...]
    quantity: str = TEST
    against: str = ""  # the quantity of the others, where it is another
    decides: bool = True
    ratio: bool = False
    above: float | None = None  # what the claim says that it is above; None: no effect, which is 0, and 1 of a ratio

    @property
    def null(self) -> float:
        """What the claim says that it is above."""
        return self.above if self.above is not None else 1.0 if self.ratio else 0.0

    def value(self, rows: Rows) -> float:
        """Of one replicate; the logarithm of a ratio."""
        scale = log if self.ratio else float
        more = sum(scale(float(rows[arm][self.quantity])) for arm in self.plus)
        return more - sum(scale(float(rows[arm][self.against or self.quantity])) for arm in self.minus)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A hypothesis of the field, and the experiment that it takes to judge it."""

    name: str
    hypothesis: str
    source: str
    protocol: str
    contrasts: tuple[Contrast, ...]
    arms: Callable[[float], Mapping[str, Arm]]  # for a scale, which lengthens trainings
    needs: Needs = Needs.ANY
    trains: bool = True  # else a scale has no meaning
    shown: tuple[str, ...] = ()  # further quantities of the arms
    version: int = 1  # raised when arms change, so that records of other arms do not count
    over: str = "seeds"  # what it is repeated over
    replicates: Callable[[], Sequence[str]] | None = None  # those there are; None: as many seeds as are wanted
    exact: bool = False  # one replicate is the truth, and has no interval

    def all_replicates(self, seeds: int) -> Sequence[str]:
        """What to run."""
        if self.replicates is not None:
            return self.replicates()
        return ["0"] if self.exact else [str(seed) for seed in range(1, seeds + 1)]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over replicates with its 95 % interval."""

    values: tuple[float, ...]  # one a replicate
    value: float
    low: float
    high: float
    null: float

    @property
    def side(self) -> str:
        """Where all of it lies."""
        return "above" if self.low > self.null else "below" if self.high < self.null else "both sides"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What came of a claim: two replicates or more, or one that is exact."""

    claim: Claim
    replicates: dict[str, Rows]
    data: str  # name of the images
    scale: float

    def interval(self, contrast: Contrast) -> Interval:
        """Student's, over the replicates."""
        values = [contrast.value(rows) for rows in self.replicates.values()]
        n = len(values)
        half = 0.0 if n == 1 else student_quantile(n - 1) * stdev(values) / sqrt(n)
        shown = exp if contrast.ratio else float
        value, low, high = (shown(mean(values) + sign * half) for sign in (0, -1, 1))
        return Interval(values=tuple(map(shown, values)), value=value, low=low, high=high, null=contrast.null)

    @property
    def deciding(self) -> list[tuple[Contrast, Interval]]:
        """The contrasts that the verdict rests on."""
        return [(c, self.interval(c)) for c in self.claim.contrasts if c.decides]

    @property
    def verdict(self) -> Verdict:
        """Supported where all that decides lies above, not supported where some lies below and none above."""
        sides = {interval.side for _, interval in self.deciding}
        if sides == {"above"}:
            return Verdict.SUPPORTED
        if "below" in sides:
            return Verdict.IN_PART if "above" in sides else Verdict.NOT_SUPPORTED
        return Verdict.NOT_RESOLVED
