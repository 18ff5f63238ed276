"""What would following the past have cost, had it been asked about each data set before that was known?"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from anmok.experience.memory import Lesson, Memory
from anmok.experience.prior import Prior, prior

_FEWEST = 3  # models to choose among
_SHORTLIST = 3
_Z80 = 1.2815515655446004  # standard normal quantile of 0.9


class Cost(NamedTuple):
    """Accuracy lost to the best model, as shares."""

    mean: float
    worst: float


@dataclass(frozen=True, kw_only=True)
class Replay:
    """One data set, asked about with everything forgotten that is known of it; regrets are shares."""

    data: str
    models: int
    best: str
    choice: str  # the past's first
    regret: float  # accuracy of the best minus that of the choice
    shortlist_regret: float  # of the best of the past's first three
    average_choice: str  # the best on average elsewhere, whatever the data
    average_regret: float
    random_regret: float  # expected, of a model drawn by lot
    covered: float  # share of the models that lie in their 80 % interval


@dataclass(frozen=True)
class Backtest:
    """Every data set that could be asked about."""

    replays: tuple[Replay, ...]

    def cost(self, regret: str) -> Cost:
        """Sum up one of the regrets of a `Replay` by its name."""
        values = [float(getattr(replay, regret)) for replay in self.replays]
        return Cost(float(np.mean(values)), max(values))

    @property
    def covered(self) -> float:
        """Share of 80 % intervals that held."""
        return float(np.average([r.covered for r in self.replays], weights=[r.models for r in self.replays]))


def backtest(memory: Memory) -> Backtest:
    """Leave each data set out, every run on it included, and ask the rest about it.

    The truth about a data set is its lesson with the most models, the earliest of equals.
    """
    asked: dict[str, Lesson] = {}
    for lesson in memory.lessons:
        known = asked.get(lesson.data)
        if len(lesson.accuracies) >= (_FEWEST if known is None else len(known.accuracies) + 1):
            asked[lesson.data] = lesson
    replays = ((lesson, memory.without(data)) for data, lesson in asked.items())
    return Backtest(tuple(_replay(lesson, rest) for lesson, rest in replays if rest.lessons))


def _replay(lesson: Lesson, rest: Memory) -> Replay:
    truth = {model: lesson.mean(model) for model in lesson.accuracies}
    expected = prior(rest, lesson.fingerprint, truth)
    ranked = sorted(truth, key=lambda model: -expected[model].mean)
    usual = _usual(rest)
    average_choice = max(truth, key=lambda model: usual.get(model, -np.inf))
    best = max(truth, key=truth.__getitem__)
    return Replay(
        data=lesson.data,
        models=len(truth),
        best=best,
        choice=ranked[0],
        regret=truth[best] - truth[ranked[0]],
        shortlist_regret=truth[best] - max(truth[model] for model in ranked[:_SHORTLIST]),
        average_choice=average_choice,
        average_regret=truth[best] - truth[average_choice],
        random_regret=truth[best] - float(np.mean(list(truth.values()))),
        covered=_covered(truth, expected),
    )


def _usual(memory: Memory) -> dict[str, float]:
    """Accuracy of each model minus the mean of its lesson, mean over lessons: no likeness, no shrinkage."""
    gains: dict[str, list[float]] = {}
    for lesson in memory.lessons:
        level = float(np.mean([lesson.mean(model) for model in lesson.accuracies])) if lesson.accuracies else 0.0
        for model in lesson.accuracies:
            gains.setdefault(model, []).append(lesson.mean(model) - level)
    return {model: float(np.mean(found)) for model, found in gains.items()}


def _covered(truth: dict[str, float], expected: dict[str, Prior]) -> float:
    level = float(np.mean(list(truth.values())))
    shift = float(np.mean([expected[model].mean for model in truth]))  # the same models, so the same mean
    inside = [abs(a - level - expected[m].mean + shift) <= _Z80 * expected[m].sd for m, a in truth.items()]
    return float(np.mean(inside))
