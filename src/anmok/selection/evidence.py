"""What the table says about a race: its finished trials, its costs. Reads rows, changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import fsum, nan

import numpy as np
from jaxtyping import Shaped

from anmok.backbone import Kind
from anmok.evaluation.device_costs import circumstances
from anmok.evaluation.measurements import Measurement, Measurements
from anmok.evaluation.objective import PLAIN_ACCURACY, Objective, dispersion
from anmok.selection.belief import Belief
from anmok.selection.curves import CurvePoint
from anmok.selection.objectives import read_objective, read_preference
from anmok.selection.plan import Cost
from anmok.selection.preference import Preference
from anmok.selection.trial import ACCURACY, FAILED, SECONDS
from anmok.training.recipe import Precision

COSTS = ("params", "macs", "latency", "memory", "seconds_per_image", "energy")
KIND = "kind"
PRIOR = "prior"  # accuracy at all images minus the mean of the models that experience expects; the interval is +-1 sd


@dataclass(frozen=True, kw_only=True)
class Finished:
    """One finished trial of the race."""

    model: str
    fraction: float  # of the train split
    images: int
    seed: int
    seconds: float  # of training
    correct: Shaped[np.ndarray, " n"]  # select images answered right; of masks the share of the pixels
    contributions: Shaped[np.ndarray, " n"] | None = None  # to an objective that is not accuracy

    @property
    def accuracy(self) -> float:
        """Share of the select split that is answered right."""
        return float(self.correct.mean())

    @property
    def judged(self) -> Shaped[np.ndarray, " n"]:
        """What each image of the select split contributes to the objective; see `Objective`."""
        return self.correct if self.contributions is None else self.contributions


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One reading of the table: all that an allocation or a decision may depend on."""

    train_images: int
    finished: tuple[Finished, ...]
    costs: Mapping[str, Cost] = field(default_factory=dict)
    prior: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # see `Belief`
    excluded: Mapping[str, str] = field(default_factory=dict)  # model -> the limit it breaks, or why it was left out
    failures: Mapping[str, str] = field(default_factory=dict)  # model -> why a trial failed
    pilot_seconds: float = 0.0
    objective: Objective = PLAIN_ACCURACY
    preference: Preference = Preference.LATENCY

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Those that finished a trial and never failed."""
        return tuple(sorted({f.model for f in self.finished} - self.failures.keys()))

    def trials(self, model: str, fraction: float | None = None) -> list[Finished]:
        """The finished trials of a model, on one part of the data or on all, fewest images first."""
        found = [f for f in self.finished if f.model == model and fraction in (None, f.fraction)]
        return sorted(found, key=lambda f: (f.images, f.seed))

    def points(self, model: str) -> list[CurvePoint]:
        """The learning curve seen so far, fewest images first."""
        return [
            CurvePoint(
                images=trial.images,
                accuracy=float(trial.judged.mean()),
                measured_on=len(trial.judged),
                dispersion=self.dispersion,
            )
            for trial in self.trials(model)
        ]

    @cached_property
    def dispersion(self) -> float:
        """Of the objective; one for all trials, because one alone may have too few errors to tell."""
        return dispersion(*(trial.judged for trial in self.finished))

    def fractions(self, model: str) -> set[float]:
        """The parts of the data on which a model was trained."""
        return {f.fraction for f in self.finished if f.model == model}

    def answers(self, model: str, fraction: float) -> Shaped[np.ndarray, "seeds n"]:
        """What each select image contributes to the objective after training on a part of the data, a row a seed."""
        return np.stack([trial.judged for trial in self.trials(model, fraction)])

    def belief(self, models: tuple[str, ...] = ()) -> Belief:
        """What is to be believed of the models that were tried, and of further ones."""
        tried = {model: self.points(model) for model in self.models}
        return Belief(tried, self.train_images, models=models, prior=self.prior)

    @property
    def judged_on(self) -> int:
        """Images of the select split; 0 before the first trial."""
        return max((len(f.correct) for f in self.finished), default=0)

    def seconds(self, model: str) -> float:
        """Training time spent on a model in the race."""
        return fsum(f.seconds for f in self.finished if f.model == model)

    @property
    def spent(self) -> float:
        """Training seconds of all finished trials and of the pilot, summed over workers."""
        return fsum([self.pilot_seconds, *(f.seconds for f in self.finished)])


def read_evidence(table: Measurements) -> Evidence:
    """Collect the rows of a race; the order in which they were added does not matter."""
    images = table.rows(metric="train_images", subject="data")
    spent, objective = table.rows(metric=SECONDS), read_objective(table)
    return Evidence(
        train_images=int(images[-1].value),
        finished=_read_finished(table, {_key(row): row.value for row in _of_stage("race", spent)}, objective),
        costs=read_costs(table),
        prior={row.subject: (row.value, (row.high or 0.0) - row.value) for row in table.rows(metric=PRIOR)},
        excluded={row.subject: row.note for row in table.rows(metric="excluded")},
        failures={row.subject: row.note for row in _of_stage("race", table.rows(metric=FAILED))},
        pilot_seconds=fsum(row.value for row in _of_stage("pilot", spent)),
        objective=objective,
        preference=read_preference(table),
    )


def _read_finished(
    table: Measurements, seconds: Mapping[tuple[str, float, int], float], objective: Objective
) -> tuple[Finished, ...]:
    """Every trial with its answers, in an order of its own."""
    rows = {_key(row): row for row in _of_stage("race", table.rows(metric=ACCURACY))}
    first = min((seed for _, _, seed in rows), default=0)  # of runs that had one seed only and did not say which
    answers = {
        (o.subject, float(o.conditions["fraction"]), int(o.conditions.get("seed", first))): o
        for o in table.outcomes(split="select")
    }
    return tuple(
        Finished(
            model=model,
            fraction=fraction,
            images=int(rows[model, fraction, seed].conditions["images"]),
            seed=seed,
            seconds=seconds[model, fraction, seed],
            correct=answers[model, fraction, seed].correct,
            contributions=None if objective.is_accuracy else objective.contributions(answers[model, fraction, seed]),
        )
        for model, fraction, seed in sorted(rows)
    )


def _of_stage(stage: str, rows: list[Measurement]) -> list[Measurement]:
    return [row for row in rows if row.conditions["stage"] == stage]


def _key(row: Measurement) -> tuple[str, float, int]:
    return row.subject, float(row.conditions["fraction"]), row.seed or 0


def read_costs(table: Measurements) -> dict[str, Cost]:
    """The costs of every candidate that was measured."""
    values = {name: {r.subject: r.value for r in table.rows(metric=name)} for name in COSTS}
    on = {r.subject: circumstances(r.conditions) for r in table.rows(metric="latency")}
    formats = {r.subject: Precision(r.note) for r in table.rows(metric="seconds_per_image")}
    return {
        row.subject: Cost(
            kind=Kind(row.note),
            params=int(values["params"][row.subject]),
            macs=int(values["macs"][row.subject]),
            latency=values["latency"][row.subject],
            memory=values["memory"][row.subject],
            seconds_per_image=values["seconds_per_image"].get(row.subject, nan),  # nan: excluded before it trained
            precision=formats.get(row.subject, Precision.FP32),
            energy=values["energy"].get(row.subject, nan),
            latency_on=on[row.subject],
        )
        for row in table.rows(metric=KIND)
    }
