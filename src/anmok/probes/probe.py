"""One question about a network, as the runner and the cards know it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from anmok.probes.result import Metric, ProbeResult
from anmok.probes.subject import Subject


class Profile(StrEnum):
    """How much is asked: each holds what the one before holds."""

    FAST = "fast"  # seconds, and sense without trained weights
    STANDARD = "standard"
    FULL = "full"  # what needs labels, or many images

    @property
    def holds(self) -> tuple["Profile", ...]:
        """The smaller profiles and this one."""
        order = tuple(Profile)
        return order[: order.index(self) + 1]


Measure: TypeAlias = Callable[[Subject], Sequence[ProbeResult]]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a file in `probes/` exports as PROBE."""

    number: int  # place in tables and on cards
    name: str
    question: str
    profile: Profile  # the smallest that asks it
    metrics: tuple[Metric, ...]  # what it hands back, a row each, whatever happens
    measure: Measure
