"""The decision: a pure function of the measurement table."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import sqrt

import numpy as np

from anmok.errors import TrainingError
from anmok.evaluation.comparison import ALPHA, PairedComparison, compare_paired, holm
from anmok.evaluation.measurements import Measurements
from anmok.evaluation.metrics import Proportion
from anmok.evaluation.objective import PLAIN_ACCURACY, Objective, estimate
from anmok.selection.allocation import NEAR
from anmok.selection.belief import Belief
from anmok.selection.curves import NOISE, Expectation
from anmok.selection.evidence import Evidence, read_evidence
from anmok.selection.outlook import Outlook, look_ahead
from anmok.selection.plan import Cost
from anmok.selection.preference import Preference
from anmok.selection.terms import UNLIKELY

CHEAPER = 0.75  # a tied model replaces a more accurate one when its cost is at most this share of it


class Status(StrEnum):
    """How a candidate came out of the selection."""

    WINNER = "winner"
    TIED = "tied"  # not separable from the leader; the winner is chosen among these
    WORSE = "worse"  # separable from the leader
    DROPPED = "dropped"  # left behind on less data than the leader: unlikely to be near the best on all of it
    FAILED = "failed"  # its training broke off
    EXCLUDED = "excluded"  # breaks a limit, or left out for want of time


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One row of the leaderboard, with the evidence for its status. Accuracies and scores lie in [0, 1]."""

    model: str
    status: Status
    note: str  # why, with numbers; empty for the winner
    cost: Cost
    fraction: float = 0.0  # of the train split, the largest it was trained on
    images: int = 0  # in it
    seeds: int = 0  # with which it was trained on it
    score: Proportion | None = None  # the objective there, on the select split, mean over seeds
    accuracy: Proportion | None = None  # likewise; the score itself where no other objective was asked for
    expected: Expectation | None = None  # score at the full train split
    exponent: float | None = None  # of its learning curve
    chance_near_best: float = 0.0
    train_seconds: float = 0.0  # over the whole race
    against_leader: PairedComparison | None = None  # leader minus this one, on the same images


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Which model to take, and what it was weighed against; candidates from best to worst."""

    winner: str
    leader: str  # highest expected score; the winner is not separable from it
    candidates: tuple[Candidate, ...]
    train_images: int
    outlook: Outlook  # what would change the answer
    objective: Objective = PLAIN_ACCURACY
    preference: Preference = Preference.LATENCY  # the cost that decides among tied models

    def __getitem__(self, model: str) -> Candidate:
        return next(c for c in self.candidates if c.model == model)

    @property
    def chance(self) -> float:
        """Probability that on all images the winner comes within half a point of the best that was raced."""
        return self[self.winner].chance_near_best

    @property
    def tied(self) -> tuple[str, ...]:
        """The equivalence set: the models that the data cannot tell from the leader, winner included."""
        return tuple(c.model for c in self.candidates if c.status in (Status.WINNER, Status.TIED))

    @property
    def runner_up(self) -> str | None:
        """The best model beside the winner, if any other was trained."""
        others = [c for c in self.candidates if c.status in (Status.TIED, Status.WORSE, Status.DROPPED)]
        return others[0].model if others else None


def decide(table: Measurements) -> Decision:
    """Weigh the evidence of a table; see `conclude`."""
    return conclude(read_evidence(table))


def conclude(evidence: Evidence) -> Decision:
    """Weigh the evidence.

    The leader has the highest expected score at the full train split. Its rivals are the models with a chance
    of at least 5 % to come within half a point of the best there. A rival is worse if it was trained on as much
    data as the leader and the paired comparison tells them apart, with p-values corrected for the number of rivals
    (Holm 1979); else it is tied. Among the tied models that lie within one paired standard error of the leader,
    measured and expected (the one-standard-error rule; Breiman et al. 1984, sec. 3.4.3), a model gives way to one
    that costs at least a quarter less. Raises `TrainingError` when nothing was trained.
    """
    if not evidence.models:
        raise TrainingError("Nothing was trained to the end, so there is nothing to decide on. See log.txt.")
    belief = evidence.belief()
    expected = {m: belief.curves[m].expect(evidence.train_images) for m in evidence.models}
    chances = belief.chances(NEAR)
    leader = max(evidence.models, key=lambda m: (expected[m].mean, m))
    compared = {m: _compare(evidence, leader, m) for m in evidence.models if m != leader}
    statuses = {leader: Status.TIED} | _place(evidence, leader, compared, chances)
    eligible = [m for m, c in compared.items() if statuses[m] is Status.TIED and _is_close(c, expected, leader, m)]
    winner = _cheapest(evidence, [leader, *eligible])
    statuses[winner] = Status.WINNER

    notes = {m: _describe(leader, c, chances[m]) for m, c in compared.items()}
    best = "most accurate" if evidence.objective.is_accuracy else f"highest in {evidence.objective.title}"
    notes[leader] = f"the {best}, but a tied model is cheaper"
    notes[winner] = ""
    candidates = [
        replace(
            _candidate(evidence, belief, m, status, notes[m]),
            chance_near_best=chances[m],
            against_leader=compared.get(m),
        )
        for m, status in statuses.items()
    ]
    out = {m: (Status.EXCLUDED, note) for m, note in evidence.excluded.items()}
    out |= {m: (Status.FAILED, note) for m, note in evidence.failures.items()}
    candidates += [
        Candidate(model=m, status=status, note=note, cost=evidence.costs[m])
        for m, (status, note) in out.items()
        if m in evidence.costs  # those that do not even take the images have none
    ]
    return Decision(
        winner=winner,
        leader=leader,
        candidates=tuple(sorted(candidates, key=_rank)),
        train_images=evidence.train_images,
        outlook=look_ahead(evidence, belief, winner),
        objective=evidence.objective,
        preference=evidence.preference,
    )


def _compare(evidence: Evidence, leader: str, model: str) -> PairedComparison:
    """On the largest part of the data that both were trained on, else each on its own largest."""
    both = evidence.fractions(leader) & evidence.fractions(model)
    where = (max(both), max(both)) if both else (max(evidence.fractions(leader)), max(evidence.fractions(model)))
    first, second = (evidence.answers(name, fraction) for name, fraction in zip((leader, model), where, strict=True))
    p = float(first.mean() + second.mean()) / 2
    luck = NOISE.seed(max(where) * evidence.train_images, evidence.train_images)
    return compare_paired(first, second, training_sd=2 * sqrt(luck * evidence.dispersion * p * (1 - p)))


def _place(
    evidence: Evidence, leader: str, compared: Mapping[str, PairedComparison], chances: Mapping[str, float]
) -> dict[str, Status]:
    furthest = max(evidence.fractions(leader))
    rivals = {m: c for m, c in compared.items() if chances[m] >= UNLIKELY and furthest in evidence.fractions(m)}
    corrected = holm({m: c.p_value for m, c in rivals.items()})
    statuses = {}
    for model, comparison in compared.items():
        behind = max(evidence.fractions(model)) < furthest
        if model in rivals:
            worse = corrected[model] < ALPHA and comparison.low > 0
            statuses[model] = Status.WORSE if worse else Status.TIED
        elif chances[model] >= UNLIKELY:
            statuses[model] = Status.TIED
        else:
            statuses[model] = Status.DROPPED if behind else Status.WORSE
    return statuses


def _is_close(c: PairedComparison, expected: Mapping[str, Expectation], leader: str, model: str) -> bool:
    return max(c.difference, expected[leader].mean - expected[model].mean) <= c.standard_error


def _cheapest(evidence: Evidence, eligible: list[str]) -> str:
    """Step from the first, the leader, to ever cheaper models; a small gain is no reason to step."""
    prices = {m: evidence.preference.price(evidence.costs[m]) for m in eligible}
    winner = eligible[0]
    for model in sorted(eligible, key=lambda m: (-prices[m], m)):
        if prices[model] <= CHEAPER * prices[winner]:
            winner = model
    return winner


def _describe(leader: str, comparison: PairedComparison, chance: float) -> str:
    difference, low, high = (100 * x for x in (comparison.difference, comparison.low, comparison.high))
    return (
        f"{leader} minus it: {difference:+.1f} points [{low:+.1f}, {high:+.1f}], p = {comparison.p_value:.2g}; "
        f"chance of {chance:.0%} to come within {100 * NEAR:g} points of the best on all images"
    )


def _candidate(evidence: Evidence, belief: Belief, model: str, status: Status, note: str) -> Candidate:
    fraction = max(evidence.fractions(model))
    trials = evidence.trials(model, fraction)
    return Candidate(
        model=model,
        status=status,
        note=note,
        cost=evidence.costs[model],
        fraction=fraction,
        images=trials[0].images,
        seeds=len(trials),
        score=estimate(evidence.answers(model, fraction)),
        accuracy=estimate(np.stack([trial.correct for trial in trials])),
        expected=belief.curves[model].expect(evidence.train_images),
        exponent=belief.curves[model].exponent,
        train_seconds=evidence.seconds(model),
    )


def _rank(candidate: Candidate) -> tuple[int, float, str]:
    order = list(Status).index(candidate.status)
    return order, -(candidate.expected.mean if candidate.expected else 0.0), candidate.model
