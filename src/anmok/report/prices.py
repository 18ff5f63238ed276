"""How each cost stands on the axis of a plot."""

from dataclasses import dataclass

from anmok.report.wording import three_digits
from anmok.selection.plan import Cost
from anmok.selection.preference import Preference
from anmok.selection.request import Request

_NBSP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, kw_only=True)
class Price:
    """One cost: its unit, its words, and the option that limits it."""

    preference: Preference
    unit: float  # in that of `Preference.price`
    sign: str  # of the unit
    title: str  # of the axis
    less: str  # what a model is that has less of it
    option: str = ""  # none limits it

    def of(self, cost: Cost) -> float:
        """The cost of a model in the unit of the axis."""
        return self.preference.price(cost) / self.unit

    def limit(self, request: Request) -> float | None:
        """What was asked for, in the unit of the axis."""
        asked = getattr(request, self.option.removeprefix("--").replace("-", "_")) if self.option else None
        return asked / self.unit if asked else None

    def text(self, cost: Cost) -> str:
        """The cost of a model with its unit."""
        return f"{three_digits(self.of(cost))}{_NBSP}{self.sign}"


PRICES = {
    price.preference: price
    for price in (
        Price(
            preference=Preference.LATENCY,
            unit=1,
            sign="ms",
            title="latency of one image, ms (p50)",
            less="faster",
            option="--max-latency",
        ),
        Price(
            preference=Preference.PARAMS,
            unit=1e6,
            sign="M",
            title="parameters, millions",
            less="smaller",
            option="--max-params",
        ),
        Price(
            preference=Preference.MEMORY,
            unit=1,
            sign="MiB",
            title="peak memory of one image, MiB",
            less="smaller",
            option="--max-memory",
        ),
        Price(
            preference=Preference.TRAINING,
            unit=1e-3,
            sign="ms",
            title="training step, ms an image",
            less="faster to train",
        ),
        Price(
            preference=Preference.ENERGY,
            unit=1,
            sign="mJ",
            title="energy of one image, mJ",
            less="thriftier",
        ),
    )
}
