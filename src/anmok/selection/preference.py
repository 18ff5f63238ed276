"""Which cost makes one of two equally good models the better one."""

from collections.abc import Iterable
from enum import StrEnum
from math import isnan

from anmok.selection.plan import Cost
from anmok.selection.quantities import format_count


class Preference(StrEnum):
    """What is to be spared; the cheapest of the tied models wins."""

    LATENCY = "latency"
    PARAMS = "params"
    MEMORY = "memory"
    TRAINING = "training"
    ENERGY = "energy"

    @property
    def noun(self) -> str:
        """Its name in a sentence."""
        return {"params": "number of parameters", "training": "training time"}.get(self, str(self))

    def price(self, cost: Cost) -> float:
        """What a model costs: ms, parameters, MiB, seconds of training an image, or mJ; nan where that is not known."""
        match self:
            case Preference.LATENCY:
                return cost.latency
            case Preference.PARAMS:
                return cost.params
            case Preference.MEMORY:
                return cost.memory
            case Preference.ENERGY:
                return cost.energy
        return cost.seconds_per_image

    def describe(self, cost: Cost) -> str:
        """The price with its unit."""
        price = self.price(cost)
        match self:
            case Preference.LATENCY:
                return f"{price:.2f} ms"
            case Preference.PARAMS:
                return format_count(price)
            case Preference.MEMORY:
                return f"{price:.1f} MiB"
            case Preference.ENERGY:
                return f"{price:.3g} mJ"
        return f"{1000 * price:.2g} ms an image"


def known(costs: Iterable[Cost]) -> tuple[Preference, ...]:
    """What all of these models are known to cost; energy is not where no counter can be read."""
    every = tuple(costs)
    return tuple(p for p in Preference if not any(isnan(p.price(cost)) for cost in every))
