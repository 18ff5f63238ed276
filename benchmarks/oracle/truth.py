"""The recorded truth, and what a policy may ask of it."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import lcm
from pathlib import Path

import numpy as np
import polars as pl

from anmok.experience import Fingerprint

RECORDED = Path(__file__).parents[2] / "src" / "anmok" / "experience" / "recorded"


@dataclass(frozen=True, kw_only=True)
class Training:
    """One recorded training; accuracies are shares."""

    select_accuracy: float
    test_accuracy: float
    select_correct: np.ndarray
    seconds: float  # of processor time
    epochs: tuple[tuple[float, float], ...]  # select accuracy and seconds so far, where every epoch was looked at


@dataclass(frozen=True, kw_only=True)
class Truth:
    """All that was recorded of one data set: the models of which every fraction was."""

    data: str
    fingerprint: Fingerprint
    kinds: Mapping[str, str]  # of each model
    images: Mapping[float, int]  # trained on, at each fraction
    trainings: Mapping[tuple[str, float], tuple[Training, ...]]  # one a seed

    @cached_property
    def accuracies(self) -> dict[str, float]:
        """Test accuracy on all of the data, mean over the recorded seeds: what a choice is judged by."""
        return {m: float(np.mean([t.test_accuracy for t in self.trainings[m, 1.0]])) for m in self.kinds}

    @cached_property
    def exhaustive(self) -> float:
        """Seconds to train every model on all of the data once, mean over seeds: the unit of cost."""
        return sum(self.seconds(model, 1.0) for model in self.kinds)

    @cached_property
    def turns(self) -> int:
        """How many replays can differ in which seed comes first."""
        return lcm(*(len(recorded) for recorded in self.trainings.values()))

    def only(self, models: Collection[str]) -> "Truth":
        """The same as if these alone had been recorded."""
        return replace(self, kinds={m: kind for m, kind in self.kinds.items() if m in models})

    def seconds(self, model: str, fraction: float) -> float:
        """Mean over seeds."""
        return float(np.mean([t.seconds for t in self.trainings[model, fraction]]))

    def regret(self, model: str) -> float:
        """Points of accuracy between the best model and this one."""
        return 100 * (max(self.accuracies.values()) - self.accuracies[model])


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a policy is told of a training that it paid for."""

    accuracy: float  # on the select split
    correct: np.ndarray
    seconds: float
    epochs: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a policy says in the end; a policy without statistics names a model alone."""

    model: str
    chance: float | None = None  # claimed, to lie within half a point of the best
    tied: tuple[str, ...] = ()  # the models that are said to be as good
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # 80 %, of accuracies on all of the data


class Session:
    """One replay of one data set: tasks are answered from the table and their cost is kept.

    Which recorded seed comes first is drawn by lot, as a user's seed would be, the same for all models.
    A task that no longer fits into the budget is refused and costs nothing, as is a repetition without a recorded seed.
    """

    def __init__(self, truth: Truth, past: Mapping[str, Truth], budget: float, random: np.random.Generator) -> None:
        self.past, self.budget, self.random = past, budget * truth.exhaustive, random
        self.models = tuple(random.permutation(sorted(truth.kinds)).tolist())
        self.spent = 0.0  # seconds
        self._truth = truth
        self.turn = int(random.integers(truth.turns))

    data = property(lambda self: self._truth.data)
    kinds = property(lambda self: self._truth.kinds)
    images = property(lambda self: self._truth.images)
    fingerprint = property(lambda self: self._truth.fingerprint)

    @property
    def fractions(self) -> tuple[float, ...]:
        """Recorded, smallest first."""
        return tuple(sorted(self._truth.images))

    def forecast(self, model: str, fraction: float) -> float:
        """Seconds that a task will take, about: as a few timed steps tell before a race."""
        return self._truth.seconds(model, fraction)

    def train(self, model: str, fraction: float, *, repetition: int = 0) -> Answer | None:
        """Pay for a task and see its result; None when it was refused."""
        recorded = self._truth.trainings[model, fraction]
        if repetition >= len(recorded):
            return None
        training = recorded[(self.turn + repetition) % len(recorded)]
        return self._answer(training) if self.pay(training.seconds) else None

    def look(self, model: str) -> Answer:
        """The whole of a training on all of the data, for policies that pay by the epoch; nothing is charged."""
        recorded = self._truth.trainings[model, 1.0]
        return self._answer(recorded[self.turn % len(recorded)])

    def pay(self, seconds: float) -> bool:
        """Charge the budget, if it suffices."""
        if self.spent + seconds > self.budget:
            return False
        self.spent += seconds
        return True

    def _answer(self, training: Training) -> Answer:
        return Answer(
            accuracy=training.select_accuracy,
            correct=training.select_correct,
            seconds=training.seconds,
            epochs=training.epochs,
        )


def read_truths(folder: Path = RECORDED) -> dict[str, Truth]:
    """Every data set, by its name."""
    trials, epochs, data = (pl.read_parquet(folder / f"{name}.parquet") for name in ("trials", "epochs", "data"))
    truths = {}
    for row in data.iter_rows(named=True):
        own = trials.filter(pl.col("data") == row["name"])
        curves = _curves(epochs.filter((pl.col("data") == row["name"]) & (pl.col("fraction") == 1)))
        fractions = dict(own.group_by("fraction").agg(pl.col("images").first()).sort("fraction").iter_rows())
        trainings: dict[tuple[str, float], tuple[Training, ...]] = {}
        for trial in own.sort("seed").iter_rows(named=True):
            key = trial["model"], trial["fraction"]
            trainings[key] = (*trainings.get(key, ()), _training(trial, row["n_select"], curves))
        whole = dict(own.select("model", "kind").unique().sort("model").iter_rows())
        truths[row["name"]] = Truth(
            data=row["name"],
            fingerprint=Fingerprint.from_dict(json.loads(row["fingerprint"])),
            kinds={m: k for m, k in whole.items() if all((m, f) in trainings for f in fractions)},
            images=fractions,
            trainings=trainings,
        )
    return truths


def _curves(epochs: pl.DataFrame) -> dict[tuple[str, int], list[tuple[float, float]]]:
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for model, seed, accuracy, seconds in (
        epochs.sort("epoch").select("model", "seed", "select_accuracy", "cpu_seconds").iter_rows()
    ):
        found.setdefault((model, seed), []).append((accuracy, seconds))
    return found


def _training(
    trial: dict[str, object], n_select: int, curves: dict[tuple[str, int], list[tuple[float, float]]]
) -> Training:
    bits = np.frombuffer(trial["select_correct"], np.uint8)  # type: ignore[call-overload]
    return Training(
        select_accuracy=trial["select_accuracy"],  # type: ignore[arg-type]
        test_accuracy=trial["test_accuracy"],  # type: ignore[arg-type]
        select_correct=np.unpackbits(bits, count=n_select).astype(bool),
        seconds=trial["cpu_seconds"],  # type: ignore[arg-type]
        epochs=tuple(curves[trial["model"], trial["seed"]]) if trial["fraction"] == 1 else (),  # type: ignore[index]
    )
