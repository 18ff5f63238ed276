"""Which learning rate suits a network, a recipe and images? A minute of training tells."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle, islice
from math import exp, isfinite, log

from anmok.data import Batch
from anmok.errors import TrainingError
from anmok.training.distributed import this_part
from anmok.training.engine import choose_engine
from anmok.training.job import Fit
from anmok.training.optimizer import build_optimizer
from anmok.training.stepper import Stepper
from anmok.training.task import Moment

LOWEST, HIGHEST = 1e-6, 1.0
STEPS = 100
_SMOOTHING = 0.9  # share of the running mean of losses that a step keeps
_DIVERGED = 3.0  # times the lowest loss
_FALLEN = 0.99  # share of the first loss that is no accident
_MARGIN = 10.0  # between the rate of the lowest loss and a safe one


@dataclass(frozen=True, kw_only=True)
class RateSweep:
    """Losses at rising learning rates, and what they suggest."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]  # smoothed
    suggestion: float


def find_learning_rate(job: Fit, *, steps: int = STEPS) -> RateSweep:
    """Train for some steps at rates that rise from one to the next by the same factor, until the loss explodes.

    Smith 2017, arXiv:1506.01186, sec. 3.3; suggested is a tenth of the rate at which the smoothed loss is lowest. The
    network is left as it was. Raises `TrainingError` where no rate makes the loss fall.
    """
    recipe = replace(job.recipe, head_epochs=0.0, ema_decay=0.0)
    network = choose_engine(replace(job, recipe=recipe)).network
    kept = {name: value.detach().clone() for name, value in network.state_dict().items()}
    optimizer = build_optimizer(network, recipe)
    stepper = Stepper(network, optimizer, replace(job, recipe=recipe), recipe.batch_size)
    network.train()
    rates: list[float] = []
    losses: list[float] = []
    mean = lowest = 0.0
    for step, batch in enumerate(islice(_batches(job), steps)):
        rate = LOWEST * exp(log(HIGHEST / LOWEST) * step / (steps - 1))
        for group in optimizer.param_groups:
            group["lr"] = rate * group["share"]
        total, count = stepper.step(batch, Moment(0, step))
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * float(total) / int(count)
        smooth = mean / (1 - _SMOOTHING ** (step + 1))
        lowest = min(lowest, smooth) if losses else smooth
        if not isfinite(smooth) or smooth > _DIVERGED * lowest:
            break
        rates.append(rate)
        losses.append(smooth)
    network.load_state_dict(kept)
    return RateSweep(rates=tuple(rates), losses=tuple(losses), suggestion=_suggest(rates, losses))


def _batches(job: Fit) -> Iterator[Batch]:
    for epoch in cycle(range(job.recipe.epochs)):
        yield from job.train.epoch(epoch, part=this_part())


def _suggest(rates: list[float], losses: list[float]) -> float:
    if len(losses) < 2 or min(losses) > _FALLEN * losses[0]:
        raise TrainingError(
            f"No learning rate from {LOWEST:g} to {HIGHEST:g} makes the loss fall. "
            "Choose one yourself, or another recipe."
        )
    return float(f"{rates[losses.index(min(losses))] / _MARGIN:.2g}")
