"""The decision: a pure function of the measurement table."""

from dataclasses import dataclass
from enum import StrEnum

from anmok.errors import TrainingError
from anmok.evaluation.measurements import Measurement, Measurements
from anmok.evaluation.metrics import PairedComparison, compare_paired
from anmok.selection.curves import Expectation, LearningCurve
from anmok.selection.evidence import Evidence, read_evidence
from anmok.selection.plan import Cost
from anmok.selection.race import DROPPED

CHEAPER = 0.75  # a tied model replaces a more accurate one when its latency is at most this share of it


class Status(StrEnum):
    """How a candidate came out of the selection."""

    WINNER = "winner"
    TIED = "tied"  # not separable from the leader; the winner is chosen among these
    WORSE = "worse"  # separable from the leader
    DROPPED = "dropped"  # unlikely to be near the best at the full data
    FAILED = "failed"  # its training broke off
    EXCLUDED = "excluded"  # breaks a limit, or left out for want of time


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One row of the leaderboard, with the evidence for its status. Accuracies are shares in [0, 1]."""

    model: str
    status: Status
    note: str  # why, with numbers; empty for the winner
    cost: Cost
    fraction: float = 0.0  # of the train split, the largest it was trained on
    accuracy: Measurement | None = None  # there, on the select split
    expected: Expectation | None = None  # at the full train split
    exponent: float | None = None  # of its learning curve
    chance_near_best: float = 0.0
    train_seconds: float = 0.0  # over the whole race
    against_leader: PairedComparison | None = None  # leader minus this one, on the same images


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Which model to take, and what it was weighed against; candidates from best to worst."""

    winner: str
    leader: str  # most accurate; the winner is not separable from it
    candidates: tuple[Candidate, ...]
    train_images: int

    def __getitem__(self, model: str) -> Candidate:
        return next(c for c in self.candidates if c.model == model)

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
    """Weigh the evidence.

    The leader has the highest expected accuracy at the full train split. A model is tied with it unless both
    the exact McNemar test (p < 0.05) and the paired bootstrap interval of the difference, on the largest part
    of the data that both were trained on, tell them apart. Among the tied models that lie within one paired
    standard error of the leader (the one-standard-error rule; Breiman et al. 1984, sec. 3.4.3), a model gives
    way to one whose latency is at least a quarter lower. Raises `TrainingError` when nothing was trained.
    """
    evidence = read_evidence(table)
    curves = evidence.curves()
    dropped = {row.subject: row.note for row in table.rows(metric=DROPPED)}
    standing = [m for m in curves if m not in dropped]
    if not standing:
        raise TrainingError("Nothing was trained to the end, so there is nothing to decide on. See log.txt.")
    expected = {model: curve.expect(evidence.train_images) for model, curve in curves.items()}
    leader = max(standing, key=lambda m: (expected[m].mean, m))
    compared = {m: _compare(evidence, leader, m) for m in standing if m != leader}
    tied = [leader, *(m for m, c in compared.items() if not c.separable)]
    winner = _cheapest(evidence, leader, [m for m in tied if m == leader or _within_one_error(compared[m])])

    notes = {m: (Status.EXCLUDED, note) for m, note in evidence.excluded.items()}
    notes |= {m: (Status.FAILED, note) for m, note in evidence.failures.items()}
    notes |= {m: (Status.DROPPED, note) for m, note in dropped.items()}
    notes |= {m: (Status.TIED if m in tied else Status.WORSE, _describe(leader, c)) for m, c in compared.items()}
    notes.setdefault(leader, (Status.TIED, "the most accurate, but a tied model is cheaper"))
    notes[winner] = (Status.WINNER, "")
    candidates = [
        _candidate(evidence, curves, model, status, note, compared.get(model))
        for model, (status, note) in notes.items()
    ]
    candidates.sort(key=_rank)
    return Decision(winner=winner, leader=leader, candidates=tuple(candidates), train_images=evidence.train_images)


def _compare(evidence: Evidence, leader: str, model: str) -> PairedComparison:
    common = max(evidence.accuracies[leader].keys() & evidence.accuracies[model].keys())
    return compare_paired(evidence.outcomes[leader, common].correct, evidence.outcomes[model, common].correct)


def _within_one_error(comparison: PairedComparison) -> bool:
    return comparison.difference <= comparison.standard_error


def _cheapest(evidence: Evidence, leader: str, eligible: list[str]) -> str:
    """Step from the leader to ever cheaper models; a small gain in latency is no reason to step."""
    winner = leader
    for model in sorted(eligible, key=lambda m: (-evidence.costs[m].latency, m)):
        if evidence.costs[model].latency <= CHEAPER * evidence.costs[winner].latency:
            winner = model
    return winner


def _describe(leader: str, comparison: PairedComparison) -> str:
    points = (100 * x for x in (comparison.difference, comparison.low, comparison.high))
    difference, low, high = points
    return (
        f"{leader} minus it: {difference:+.1f} points [{low:+.1f}, {high:+.1f}], McNemar p = {comparison.p_value:.2g}"
    )


def _candidate(
    evidence: Evidence,
    curves: dict[str, LearningCurve],
    model: str,
    status: Status,
    note: str,
    against: PairedComparison | None,
) -> Candidate:
    rows = evidence.accuracies.get(model)
    if not rows or model not in curves:
        return Candidate(model=model, status=status, note=note, cost=evidence.costs[model])
    fraction = max(rows)
    return Candidate(
        model=model,
        status=status,
        note=note,
        cost=evidence.costs[model],
        fraction=fraction,
        accuracy=rows[fraction],
        expected=curves[model].expect(evidence.train_images),
        exponent=curves[model].exponent,
        chance_near_best=evidence.chances()[model],
        train_seconds=evidence.seconds.get(model, 0.0),
        against_leader=against,
    )


def _rank(candidate: Candidate) -> tuple[int, float, str]:
    order = list(Status).index(candidate.status)
    return order, -(candidate.expected.mean if candidate.expected else 0.0), candidate.model
