"""What a search for factors found: a pure function of the measurement table."""

from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from anmok.backbone import Scaling
from anmok.errors import TrainingError
from anmok.evaluation.measurements import Measurement, Measurements
from anmok.evaluation.metrics import PairedComparison, compare_paired
from anmok.selection.scaling.grid import Axis, Triple
from anmok.selection.scaling.records import STAGE, describe, read_trials, read_triples
from anmok.selection.trial import ACCURACY, FAILED, SECONDS


class Standing(StrEnum):
    """How a triple came out."""

    BEST = "best"  # the most accurate of the scaled networks
    TIED = "tied"  # not separable from the best
    WORSE = "worse"
    BASE = "base"  # not scaled: costs less, and is there to compare with
    FAILED = "failed"
    UNTRAINED = "not trained"  # for want of time


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A triple with the evidence for its standing; accuracies are shares of the select split."""

    triple: Triple
    standing: Standing
    accuracy: Measurement | None = None
    seconds: float | None = None  # of training
    behind: PairedComparison | None = None  # the best minus this one, on the same images
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ScalingVerdict:
    """The triples from best to worst, and what the paper claims: compound scaling beats each axis alone."""

    model: str
    placed: tuple[Placed, ...]
    claims: tuple[tuple[Axis, PairedComparison], ...]  # the best compound triple minus each axis alone

    @property
    def best(self) -> Triple:
        """The most accurate."""
        return self.placed[0].triple

    @property
    def tied(self) -> tuple[Triple, ...]:
        """Those that these images cannot tell from the best."""
        return tuple(p.triple for p in self.placed if p.standing is Standing.TIED)

    @property
    def code(self) -> str:
        """A line of Python that gives the spec for the best triple."""
        alpha, beta, gamma = self.best.scaling
        return f'anmok.scale("{self.model}", phi=1, alpha={alpha:g}, beta={beta:g}, gamma={gamma:g})'

    @property
    def table(self) -> pl.DataFrame:
        """One row a triple; intervals cover 95 %."""
        return pl.DataFrame([_row(placed) for placed in self.placed], schema=_SCHEMA, orient="row")


def judge(table: Measurements) -> ScalingVerdict:
    """Weigh the evidence: a triple is tied with the best as models are in `selection.decide`.

    Raises `TrainingError` when no scaled network was trained to the end.
    """
    triples = {triple.scaling: triple for triple in read_triples(table)}
    accuracies, failures = read_trials(table, ACCURACY), read_trials(table, FAILED)
    scaled = [s for s in accuracies if triples[s].axis is not Axis.NONE]
    if not scaled:
        raise TrainingError("No scaled network was trained to the end: raise --budget, or see log.txt.")
    correct = {
        Scaling(*(float(o.conditions[name]) for name in ("alpha", "beta", "gamma"))): o.correct
        for o in table.outcomes(split="select")
        if o.conditions["stage"] == STAGE
    }

    def order(scaling: Scaling) -> tuple[float, int]:
        return -accuracies[scaling].value, triples[scaling].macs

    ranked = sorted(scaled, key=order)
    best = ranked[0]
    behind = {s: compare_paired(correct[best], correct[s]) for s in accuracies if s != best}
    seconds = read_trials(table, SECONDS)

    def place(scaling: Scaling) -> Placed:
        against, failure = behind.get(scaling), failures.get(scaling)
        standing = _standing(triples[scaling], against, is_best=scaling == best, failed=failure is not None)
        return Placed(
            triple=triples[scaling],
            standing=standing,
            accuracy=accuracies.get(scaling),
            seconds=seconds[scaling].value if scaling in seconds else None,
            behind=against,
            note=failure.note if failure else "",
        )

    others = [s for s in triples if s not in ranked]
    compound = [s for s in ranked if triples[s].axis is Axis.COMPOUND][:1]
    claims = [
        (triples[s].axis, compare_paired(correct[c], correct[s]))
        for c in compound
        for s in ranked
        if triples[s].axis is not Axis.COMPOUND
    ]
    return ScalingVerdict(
        model=table.rows(metric=ACCURACY)[-1].subject,
        placed=tuple(place(s) for s in [*ranked, *others]),
        claims=tuple(claims),
    )


def _standing(triple: Triple, behind: PairedComparison | None, *, is_best: bool, failed: bool) -> Standing:
    if is_best:
        return Standing.BEST
    if failed:
        return Standing.FAILED
    if behind is None:
        return Standing.UNTRAINED
    if triple.axis is Axis.NONE:
        return Standing.BASE
    return Standing.WORSE if behind.separable else Standing.TIED


def conclusions(verdict: ScalingVerdict) -> list[str]:
    """Sentences, each with the numbers it rests on."""
    best = verdict.placed[0]
    row, tied = best.accuracy, [describe(t.scaling) for t in verdict.tied]
    share = f"{100 * row.value:.1f} % [{100 * (row.low or 0):.1f}, {100 * (row.high or 0):.1f}]" if row else ""
    said = [
        f"The most accurate of the triples (alpha, beta, gamma) is {describe(best.triple.scaling)}: {share} of "
        f"{row.n if row else 0:,} images, with {best.triple.ratio:.2f} times the MACs.",
        f"These images cannot tell from it: {', '.join(tied)}." if tied else "These images tell all others from it.",
    ]
    for axis, comparison in verdict.claims:
        difference, low, high = (100 * x for x in (comparison.difference, comparison.low, comparison.high))
        told = "" if comparison.separable else ": not to be told from chance"
        said.append(
            f"The best compound triple minus {axis}: {difference:+.1f} points [{low:+.1f}, {high:+.1f}], "
            f"McNemar p = {comparison.p_value:.2g}{told}."
        )
    return said


_SCHEMA = {
    "alpha": pl.Float64,
    "beta": pl.Float64,
    "gamma": pl.Float64,
    "axis": pl.String,
    "standing": pl.String,
    "image_size": pl.Int64,
    "params": pl.Int64,
    "macs": pl.Int64,
    "macs_ratio": pl.Float64,
    "accuracy": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "train_seconds": pl.Float64,
    "note": pl.String,
}


def _row(placed: Placed) -> tuple[object, ...]:
    triple, row = placed.triple, placed.accuracy
    measured = (row.value, row.low, row.high) if row else (None, None, None)
    costs = (triple.image_size, triple.params, triple.macs, triple.ratio)
    return (*triple.scaling, triple.axis, placed.standing, *costs, *measured, placed.seconds, placed.note)
