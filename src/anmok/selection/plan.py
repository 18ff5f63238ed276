"""What the budget allows, forecast before anything is trained."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan

from anmok.backbone import Kind
from anmok.errors import BudgetError
from anmok.evaluation.measurements import Measurement
from anmok.selection.quantities import format_seconds
from anmok.training.recipe import Precision, Recipe

FRACTIONS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)  # of the train split; each part lies inside the next
EPOCHS = (4, 6, 8, 11, 16, 22, 32, 45, 64)  # at the full train split, to choose from
FINE_TUNING_EPOCHS = (5, 7, 10, 14, 20, 28)  # likewise, from pretrained weights
FINAL_EPOCHS = (0.5, 3)  # times as many epochs for the model that is kept: at least, and where the time allows
_LEAST_IMAGES_PER_CLASS = 10  # in the first rung: below it a learning curve says nothing
_SHARE_FOR_TRAINING = 0.85  # of the budget; the rest is for the export, the report and for error
_FEW = 6  # models that race however short the training has to be
_WORTHWHILE = 16  # epochs at the full train split; more models than a few race only where all can have that many,
_FINE_TUNED = 10  # or that many from pretrained weights
_LOOKING = 0.3  # time to look at a select image, over that of a training step on one: forward alone is a third


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one candidate costs."""

    kind: Kind
    params: int
    macs: int  # of one image
    latency: float  # ms, p50 of one image
    memory: float  # MiB, peak of inference on one image
    seconds_per_image: float  # of a training step, one worker among all
    precision: Precision  # in which it trains
    energy: float = nan  # mJ of one image; nan where no counter tells it
    latency_on: str = "one thread"  # of what, and through what, in the words of a sentence


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Who races, over which fractions, for how long."""

    models: tuple[str, ...]
    left_out: tuple[str, ...]  # for want of time
    fractions: tuple[float, ...]
    epochs: int  # at the full train split
    available_seconds: float  # wall-clock, for the race and the final training
    forecast_seconds: float  # of both: all models on the two smallest fractions, half on the others, the slowest wins

    def describe(self, budget: float) -> str:
        """The forecast, and what it is of; the race itself trains whatever tells the most."""
        count, parts = len(self.models), len(self.fractions)
        rest = f", half of them on all {parts}" if parts > 2 else ""
        return (
            f"forecast: {format_seconds(self.forecast_seconds)} for {count} models on 2 parts of the data{rest}, with "
            f"{self.epochs} epochs on all of it, and a final training; budget {format_seconds(budget)}"
        )


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How much data and how much time there is."""

    train_images: int
    final_images: int  # train and select together
    num_classes: int
    budget: float  # seconds
    workers: int
    pretrained: bool = False


def epochs_at(fraction: float, epochs: int) -> int:
    """Epochs on a part of the data: more than on all of it, so that the steps do not starve the small parts.

    Steps then grow with the number of images to the power of 3/4.
    """
    return max(1, round(epochs * fraction**-0.25))


def race_fractions(extent: Extent) -> tuple[float, ...]:
    """The rungs on which a class still has enough images; never fewer than two."""
    enough = [f for f in FRACTIONS if f * extent.train_images >= _LEAST_IMAGES_PER_CLASS * extent.num_classes]
    return tuple(enough if len(enough) >= 2 else FRACTIONS[-2:])


def make_plan(costs: Mapping[str, Cost], extent: Extent, epochs: int | None) -> Plan:
    """The longest training for which the race and the final training are expected to fit into the budget.

    The yardstick is every model on the two smallest parts of the data and half of them on the others; the race then
    spends that time on whatever tells the most. Where the budget is too small for many models, those left out are the
    slowest of the most numerous kind.
    Raises `BudgetError` when two rungs and the final training do not fit.
    """
    fractions = race_fractions(extent)
    available = _SHARE_FOR_TRAINING * extent.budget
    choices, worthwhile = (FINE_TUNING_EPOCHS, _FINE_TUNED) if extent.pretrained else (EPOCHS, _WORTHWHILE)
    models = sorted(costs, key=lambda m: costs[m].seconds_per_image)
    while len(models) > _FEW and _total(costs, models, fractions, epochs or worthwhile, extent) > available:
        models.remove(_dispensable(models, costs) or models[-1])
    fitting = [e for e in choices if _total(costs, models, fractions, e, extent) <= available]
    length = epochs or (fitting[-1] if fitting else choices[0])
    while _total(costs, models, fractions[:2], length, extent) > available:
        slowest = _dispensable(models, costs)
        if slowest is None:
            enough = _total(costs, models, fractions[:2], length, extent) / _SHARE_FOR_TRAINING
            raise BudgetError(
                f"A budget of {format_seconds(extent.budget)} is too small for two rungs of the race and the final "
                f"training: {format_seconds(1.05 * enough + 1)} would be enough on this machine. Raise --budget or "
                f"lower {'--epochs' if epochs else '--image-size'}."
            )
        models.remove(slowest)
    return Plan(
        models=tuple(models),
        left_out=tuple(sorted(set(costs) - set(models))),
        fractions=fractions,
        epochs=length,
        available_seconds=available,
        forecast_seconds=_total(costs, models, fractions, length, extent),
    )


def trial_seconds(cost: Cost, fraction: float, epochs: int, extent: Extent) -> float:
    """Forecast of one trial on one worker."""
    length = epochs_at(fraction, epochs)
    looks = min(length, Recipe.evaluations) * (extent.final_images - extent.train_images)
    return cost.seconds_per_image * (fraction * extent.train_images * length + _LOOKING * looks)


def final_seconds(costs: Mapping[str, Cost], models: Sequence[str], epochs: int, extent: Extent) -> float:
    """Time to reserve for the final training: of the slowest model that may win, for the fewest epochs."""
    return FINAL_EPOCHS[0] * epochs * extent.final_images * max(costs[m].seconds_per_image for m in models)


def final_epochs(plan: Plan, cost: Cost, extent: Extent, spent: float) -> int:
    """Epochs of the final training: what the time left by the race allows, within bounds."""
    affordable = (plan.available_seconds - spent) / (cost.seconds_per_image * extent.final_images)
    least, most = (round(share * plan.epochs) for share in FINAL_EPOCHS)
    return min(max(int(affordable), least, 1), most)


def _total(
    costs: Mapping[str, Cost], models: Sequence[str], fractions: Sequence[float], epochs: int, extent: Extent
) -> float:
    """Wall-clock of the yardstick, spread over the workers, and of the final training."""
    race = 0.0
    for rung, fraction in enumerate(fractions):
        seconds = [trial_seconds(costs[m], fraction, epochs, extent) for m in models]
        staying = 1.0 if rung < 2 else 0.5
        race += max(staying * sum(seconds) / extent.workers, *seconds)
    return race + final_seconds(costs, models, epochs, extent)


def _dispensable(models: Sequence[str], costs: Mapping[str, Cost]) -> str | None:
    """The slowest model of the most numerous kind; None where every kind but the MLPs has its last."""
    count = Counter(costs[m].kind for m in models)
    spare = [m for m in models if count[costs[m].kind] > 1 or costs[m].kind is Kind.MLP]
    return max(spare, key=lambda m: (count[costs[m].kind], models.index(m)), default=None) if len(models) > 2 else None


def plan_rows(plan: Plan) -> list[Measurement]:
    """The plan's numbers for the table, and why a model was left out."""
    values = {
        "plan_epochs": (plan.epochs, ""),
        "plan_available_seconds": (plan.available_seconds, "s"),
        "plan_forecast_seconds": (plan.forecast_seconds, "s"),
    }
    rows = [Measurement(subject="run", metric=m, value=value, unit=unit) for m, (value, unit) in values.items()]
    reason = "left out: the budget is too small for so many models"
    return rows + [Measurement(subject=m, metric="excluded", value=1.0, note=reason) for m in plan.left_out]
