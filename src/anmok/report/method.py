"""How the decision came about, what it cost, and which limits were set."""

from dataclasses import dataclass

from anmok.evaluation.objective import Goal
from anmok.report.facts import Facts
from anmok.report.wording import DASH, count, mebibytes, milliseconds
from anmok.selection.allocation import NEAR, NEGLIGIBLE, SURE
from anmok.selection.decide import CHEAPER, Status
from anmok.selection.pilot import AUGMENTATION
from anmok.selection.quantities import format_seconds
from anmok.selection.race import RACE_ENDED
from anmok.selection.shortlisting import SHORTLIST_SECONDS
from anmok.selection.terms import UNLIKELY


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What one part of the run took, in words."""

    name: str
    forecast: str
    actual: str


@dataclass(frozen=True, kw_only=True)
class Method:
    """The numbers that the rules were applied with; the page has the words."""

    parts: tuple[int, ...]  # images of the race's nested parts, fewest first
    trainings: int
    seeds: int  # the most on one part
    epochs: int | None  # at the full train split
    augmentation: str  # which one, and what the pilot measured; empty without a pilot
    dropped: int  # models
    ended: str  # why the race ended
    exact: bool  # whether images are answered right or wrong, so that two models' can be counted
    near: float  # share of accuracy, or of another objective
    unlikely: float  # probability
    sure: float  # probability
    negligible: float  # likewise
    cheaper: float  # ratio of costs
    stages: tuple[Stage, ...]
    limits: tuple[tuple[str, str], ...]  # option and value
    excluded: tuple[tuple[str, str], ...]  # model and reason
    failed: tuple[tuple[str, str], ...]


def read_method(facts: Facts) -> Method:
    """Read how this run was decided."""
    epochs = facts.find("plan_epochs", "run")
    ended = facts.find(RACE_ENDED, "run")
    pilot = facts.find(AUGMENTATION, "run")
    return Method(
        parts=tuple(sorted({trial.images for trial in facts.evidence.finished})),
        trainings=len(facts.evidence.finished),
        seeds=len({trial.seed for trial in facts.evidence.finished}),
        epochs=int(epochs.value) if epochs else None,
        augmentation=f"{pilot.conditions['chosen']} ({pilot.note})" if pilot else "",
        dropped=sum(c.status is Status.DROPPED for c in facts.decision.candidates),
        ended=ended.note if ended else "",
        exact=facts.decision.objective.goal in (Goal.ACCURACY, Goal.TOP5),
        near=NEAR,
        unlikely=UNLIKELY,
        sure=SURE,
        negligible=NEGLIGIBLE,
        cheaper=CHEAPER,
        stages=_stages(facts),
        limits=_limits(facts),
        excluded=_with_status(facts, Status.EXCLUDED) + _unfit(facts),
        failed=_with_status(facts, Status.FAILED),
    )


def _with_status(facts: Facts, status: Status) -> tuple[tuple[str, str], ...]:
    return tuple((c.model, c.note) for c in facts.decision.candidates if c.status is status)


def _unfit(facts: Facts) -> tuple[tuple[str, str], ...]:
    """Those that do not take images like these."""
    known = {candidate.model for candidate in facts.decision.candidates}
    return tuple((model, note) for model, note in facts.evidence.excluded.items() if model not in known)


def _stages(facts: Facts) -> tuple[Stage, ...]:
    """Forecast and actual time; trainings ran side by side in the race, so the workers share their sum."""
    workers = next((int(row.conditions["workers"]) for row in facts.listed("seconds_per_image")), 1)
    race = facts.evidence.spent / workers
    final = sum(r.value for r in facts.listed("train_seconds") if r.conditions["stage"] == "final")
    audit = sum(r.value for r in facts.listed("preparation_seconds"))
    listed = sum(r.value for r in facts.listed(SHORTLIST_SECONDS))
    forecast = facts.find("plan_forecast_seconds", "run")
    expected = f"about {format_seconds(forecast.value)}" if forecast else DASH
    budget = f"budget {format_seconds(facts.request.budget)}"
    return (
        Stage(name="Audit and decoding", forecast=DASH, actual=format_seconds(audit)),
        *([Stage(name="Shortlist", forecast=DASH, actual=format_seconds(listed))] if listed else []),
        Stage(name=f"Race ({workers} side by side)", forecast=DASH, actual=format_seconds(race)),
        Stage(name="Final training", forecast=DASH, actual=format_seconds(final) if final else "not done"),
        Stage(name="Race and final training", forecast=expected, actual=format_seconds(race + final)),
        Stage(name="Everything", forecast=budget, actual=format_seconds(audit + listed + race + final)),
    )


def _limits(facts: Facts) -> tuple[tuple[str, str], ...]:
    request = facts.request
    asked = (
        ("--max-latency", request.max_latency and milliseconds(request.max_latency)),
        ("--max-params", request.max_params and count(request.max_params)),
        ("--max-memory", request.max_memory and mebibytes(request.max_memory)),
    )
    return tuple((name, value) for name, value in asked if value)
