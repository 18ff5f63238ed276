"""What the table says about a race: its points, its curves, its costs. Reads rows, changes nothing."""

from dataclasses import dataclass
from math import fsum, nan

from anmok.backbone import Kind
from anmok.evaluation.measurements import Measurement, Measurements, Outcome
from anmok.selection.curves import CurvePoint, LearningCurve, chance_near_best
from anmok.selection.plan import Cost
from anmok.selection.trial import ACCURACY, FAILED, SECONDS
from anmok.training.recipe import Precision

NEAR = 0.01  # "near the best": within one point of accuracy at the full train split
UNLIKELY = 0.05  # a model less likely than this to be near the best is dropped
COSTS = ("params", "macs", "latency", "memory", "seconds_per_image")
KIND = "kind"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One reading of the table."""

    train_images: int
    costs: dict[str, Cost]
    excluded: dict[str, str]  # model -> the limit it breaks, or why it was left out
    failures: dict[str, str]  # model -> why a trial failed
    accuracies: dict[str, dict[float, Measurement]]  # model -> fraction -> select accuracy
    seconds: dict[str, float]  # model -> training time spent on it, pilot included
    outcomes: dict[tuple[str, float], Outcome]  # (model, fraction) -> answers on the select split

    def points(self, model: str) -> list[CurvePoint]:
        """The learning curve seen so far, fewest images first."""
        rows = self.accuracies.get(model, {})
        return [
            CurvePoint(images=int(row.conditions["images"]), accuracy=row.value, measured_on=row.n or 1)
            for _, row in sorted(rows.items())
        ]

    def curves(self) -> dict[str, LearningCurve]:
        """The extrapolated curve of every model that finished a trial."""
        raced = sorted(m for m in self.accuracies if m not in self.failures)
        return {model: LearningCurve(self.points(model), seed=i) for i, model in enumerate(raced)}

    def chances(self) -> dict[str, float]:
        """Probability of each raced model to be near the best at the full train split."""
        curves = self.curves()
        return chance_near_best(curves, self.train_images, NEAR) if curves else {}

    @property
    def spent(self) -> float:
        """Training seconds of all finished trials and of the pilot, summed over workers."""
        return fsum(self.seconds.values())


def read_evidence(table: Measurements) -> Evidence:
    """Collect the rows of a race; the order in which they were added does not matter."""
    accuracies: dict[str, dict[float, Measurement]] = {}
    for row in _raced(table.rows(metric=ACCURACY)):
        accuracies.setdefault(row.subject, {})[float(row.conditions["fraction"])] = row
    seconds: dict[str, list[float]] = {}
    for row in table.rows(metric=SECONDS):
        if row.conditions["stage"] != "final":
            seconds.setdefault(row.subject, []).append(row.value)
    images = table.rows(metric="train_images", subject="data")
    return Evidence(
        train_images=int(images[-1].value),
        costs=read_costs(table),
        excluded={r.subject: r.note for r in table.rows(metric="excluded")},
        failures={r.subject: r.note for r in _raced(table.rows(metric=FAILED))},
        accuracies=accuracies,
        seconds={model: fsum(parts) for model, parts in seconds.items()},
        outcomes={(o.subject, float(o.conditions["fraction"])): o for o in table.outcomes(split="select")},
    )


def _raced(rows: list[Measurement]) -> list[Measurement]:
    """Without the pilot's."""
    return [row for row in rows if row.conditions["stage"] == "race"]


def read_costs(table: Measurements) -> dict[str, Cost]:
    """The costs of every candidate that was measured."""
    values = {name: {r.subject: r.value for r in table.rows(metric=name)} for name in COSTS}
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
        )
        for row in table.rows(metric=KIND)
    }
