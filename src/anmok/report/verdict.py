"""The first thing that is seen: which model, how good, at what price, and how sure."""

from dataclasses import dataclass

from anmok.backbone import Kind
from anmok.report.facts import Facts
from anmok.report.wording import (
    DASH,
    capitalize_first,
    count,
    enumerate_names,
    interval,
    mebibytes,
    milliseconds,
    percent,
    points,
    whole,
)  # fmt: skip
from anmok.selection.decide import Candidate, Status
from anmok.selection.prospects import prospects
from anmok.selection.reasons import advice, reasons


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number, large, with what it is and what it rests on."""

    name: str
    value: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer in a few sentences."""

    model: str
    kind: Kind
    lede: str
    figures: tuple[Figure, ...]
    reasons: tuple[tuple[str, str], ...]  # topic and sentence
    doubts: tuple[tuple[str, str], ...]


def read_verdict(facts: Facts) -> Verdict:
    """Put the decision in words; every number is one of the table's or follows from it."""
    winner = facts.decision[facts.decision.winner]
    return Verdict(
        model=winner.model,
        kind=winner.cost.kind,
        lede=_lede(facts),
        figures=_figures(facts, winner),
        reasons=tuple(zip(("Accuracy", "Cost", "Data"), reasons(facts.decision), strict=True)),
        doubts=_doubts(facts, winner),
    )


def _lede(facts: Facts) -> str:
    kind = facts.decision[facts.decision.winner].cost.kind
    raced = sum(c.accuracy is not None for c in facts.decision.candidates)
    rivals = f"chosen from {raced} models by a race" if raced > 1 else "the only model that was raced"
    article = "An" if kind is Kind.MLP else "A"
    on = f"{article} {kind}, {rivals} on {whole(facts.decision.train_images)} images in {len(facts.classes)} classes"
    if facts.test is None:
        return f"{on}. The final training is not done: repeat the command below, it resumes where it was."
    trained = whole(float(facts.test.conditions["images"]))
    return f"{on}, then trained on {trained} and tested once on {whole(facts.test.n or 0)} that nothing had seen."


def _figures(facts: Facts, winner: Candidate) -> tuple[Figure, ...]:
    latency = facts.find("latency", winner.model)
    slowest = f"; p95 {milliseconds(latency.high)}" if latency and latency.high else ""
    return (
        _score(facts, winner),
        Figure(
            name="Latency",
            value=milliseconds(winner.cost.latency),
            detail=f"of one image on {winner.cost.latency_on}{slowest}",
        ),
        Figure(name="Parameters", value=count(winner.cost.params), detail=f"{count(winner.cost.macs)} MACs an image"),
        Figure(name="Memory", value=mebibytes(winner.cost.memory), detail="peak of one image, weights included"),
    )


def _score(facts: Facts, winner: Candidate) -> Figure:
    objective, score, row = facts.decision.objective, facts.score, winner.score
    if score is not None and facts.test is not None:
        right = "" if objective.is_accuracy else f"; accuracy {percent(facts.test.value)}"
        costs = score.note and f"; {score.note}"
        detail = f"{interval(score)} of {whole(score.n or 0)} untouched images{right}{costs}"
        return Figure(name=f"Test {objective.title}", value=percent(score.value), detail=detail)
    if row is None:
        return Figure(name=capitalize_first(objective.title), value=DASH, detail="not measured")
    detail = f"{interval(row)} of {whole(row.n)} images; not yet tested"
    return Figure(name=f"Select {objective.title}", value=percent(row.value), detail=detail)


def _doubts(facts: Facts, winner: Candidate) -> tuple[tuple[str, str], ...]:
    said = (
        ("Ties", _equivalence(facts)),
        *prospects(facts.decision),
        ("Otherwise", advice(facts.decision)),
        ("Optimism", _optimism(facts, winner)),
    )
    return tuple((topic, sentence) for topic, sentence in said if sentence)


def _equivalence(facts: Facts) -> str:
    decision = facts.decision
    winner, leader = decision[decision.winner], decision[decision.leader]
    if decision.runner_up is None:
        return f"There is nothing to compare {winner.model} with: no other model was trained."
    if len(decision.tied) == 1:
        worse, dropped = (
            sum(c.status is status for c in decision.candidates) for status in (Status.WORSE, Status.DROPPED)
        )
        return f"No tie: {worse} others are worse on the same images, {dropped} were dropped on the way."
    on = f"These {whole(leader.accuracy.n)} images" if leader.accuracy else "These images"
    best = "most accurate" if decision.objective.is_accuracy else f"highest in {decision.objective.title}"
    tie = f"{on} cannot tell {enumerate_names(decision.tied)} apart."
    if winner is leader:
        return f"{tie} {winner.model} is the {best} of them in expectation."
    spared = decision.preference
    prices = f"{spared.describe(winner.cost)} against {spared.describe(leader.cost)}"
    return (
        f"{tie} {leader.model} is the {best} in expectation; {winner.model} is taken for its {spared.noun}, {prices}."
    )


def _optimism(facts: Facts, winner: Candidate) -> str:
    race, test, objective = winner.score, facts.score, facts.decision.objective
    if race is None or test is None:
        return ""
    part = "the whole train split" if winner.fraction == 1.0 else f"{percent(winner.fraction)} of the train split"
    selected, trained = whole(winner.images), whole(float(test.conditions["images"]))
    share = f"{percent(race.value)} {interval(race)}"
    had = f"{share} of the select images right" if objective.is_accuracy else f"{objective.title} {share} on select"
    return (
        f"In the race, after training on {part} ({selected} images), it had {had}: "
        f"{points(race.value - test.value)} against the test. A choice flatters the "
        f"chosen, so the select value tends to be too high; the final training pulls the other way, because it "
        f"uses train and select together ({trained} images). Trust the test value."
    )
