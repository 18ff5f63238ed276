"""What every probe hands back."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Whether the value can be used."""

    OK = "ok"
    UNINFORMATIVE = "uninformative"  # there was nothing to measure; the note says why


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """One number about one network; two of them may be compared where their definitions are equal."""

    definition: str  # what was measured, how and in which version of the arithmetic
    value: float  # nan where the status says so
    low: float | None  # 95 % interval; None where `n` gives none
    high: float | None
    unit: str
    n: int  # what the interval is over; each probe says of what
    status: Status = Status.OK
    note: str = ""
