"""From values to pixels, and the round values worth a tick."""

from dataclasses import dataclass
from math import ceil, floor, log10

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MANTISSAS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))


@dataclass(frozen=True)
class Scale:
    """Maps [low, high] onto pixels [start, end], linearly or in equal ratios; `end` may lie before `start`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Where a value lies, in pixels."""
        low, high, at = (log10(v) for v in (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    def ticks(self, most: int) -> list[float]:
        """Round values inside, at most that many, at least two where `most` >= 3."""
        return log_ticks(self.low, self.high, most) if self.log else linear_ticks(self.low, self.high, most)


def linear_ticks(low: float, high: float, most: int) -> list[float]:
    """Multiples of the smallest 1, 2, 2.5 or 5 times a power of ten that gives at most `most` of them."""
    power = 10.0 ** (floor(log10((high - low) / most)) - 1)
    for step in (s * p for p in (power, 10 * power, 100 * power, 1000 * power) for s in _STEPS):
        first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
        if last - first < most:
            return [round(i * step, 12) for i in range(first, last + 1)]
    return []


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """The densest of several usual sets of values per decade; linear ticks where the range is too short for them."""
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    for mantissas in reversed(_MANTISSAS):
        found = [m * 10.0**d for d in decades for m in mantissas if low <= m * 10.0**d <= high]
        if len(found) <= most:
            return found if len(found) >= 3 else linear_ticks(low, high, most)
    every = ceil(len(decades) / most)
    return [10.0**d for d in decades if low <= 10.0**d <= high][::every]


def padded(low: float, high: float, share: float, *, log: bool = False) -> tuple[float, float]:
    """A range that is wider by a share at both ends; one value becomes a range around it."""
    if log:
        room = (high / low) ** share if high > low else 1.5
        return low / room, high * room
    room = (high - low) * share if high > low else 0.05
    return low - room, high + room
