"""What every probe hands back."""

from dataclasses import dataclass
from enum import StrEnum
from math import nan
from typing import NamedTuple


class Status(StrEnum):
    """Whether the value can be used."""

    OK = "ok"
    NOT_APPLICABLE = "not applicable"  # there was nothing to measure; the note says why
    FAILED = "failed"  # the network raised something; the note says what


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """One number about one network; two of them may be compared where their definitions are equal."""

    metric: str  # in the words of cards and tables
    definition: str  # what was measured, how and in which version of the arithmetic
    value: float  # nan where the status says so
    low: float | None  # 95 % interval; None where `n` gives none
    high: float | None
    unit: str
    n: int  # what the interval is over; each probe says of what
    status: Status = Status.OK
    note: str = ""


class Metric(NamedTuple):
    """What a probe measures: the words, the definition and the unit that its results have."""

    name: str
    definition: str
    unit: str

    def found(
        self, value: float, interval: tuple[float | None, float | None] = (None, None), *, n: int = 1, note: str = ""
    ) -> ProbeResult:
        """A result."""
        low, high = interval
        return ProbeResult(
            metric=self.name,
            definition=self.definition,
            value=float(value),
            low=low,
            high=high,
            unit=self.unit,
            n=n,
            note=note,
        )

    def missing(self, note: str, *, status: Status = Status.NOT_APPLICABLE) -> ProbeResult:
        """No result, and why."""
        return ProbeResult(
            metric=self.name,
            definition=self.definition,
            value=nan,
            low=None,
            high=None,
            unit=self.unit,
            n=0,
            status=status,
            note=note,
        )
