"""What was asked of the choice, in the table: the objective, the costs of errors, and the cost that decides ties."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from anmok.errors import RequestError
from anmok.evaluation.error_costs import ErrorCost, as_csv, parse_error_costs, read_error_costs
from anmok.evaluation.measurements import AnyOutcome, Measurement, Measurements, Outcome
from anmok.evaluation.objective import FIRST, Goal, Objective, dispersion, estimate
from anmok.selection.preference import Preference
from anmok.selection.request import Request

OBJECTIVE = "objective"
ERROR_COST = "error_cost"
PREFERENCE = "preference"
_BY_NAME = (Goal.ACCURACY, Goal.BALANCED_ACCURACY, Goal.MACRO_F1, Goal.TOP5)
SELECT_SCORE, TEST_SCORE = "select_score", "test_score"  # the objective on a split, where it is not accuracy


class Wish(NamedTuple):
    """The fields of a request; None is what is meant when nothing is said."""

    objective: str | None
    costs: str | None  # as CSV
    prefer: str | None


def make_wish(objective: str | None, costs: str | Path | None, prefer: str | None, classes: Sequence[str]) -> Wish:
    """Check what was asked for on images of these classes; raises `RequestError` where that cannot be."""
    for option, given, known in (("--objective", objective, _BY_NAME), ("--prefer", prefer, tuple(Preference))):
        if given is not None and given not in known:
            raise RequestError(f"{option} takes {', '.join(known[:-1])} or {known[-1]}: got '{given}'.")
    if objective and costs:
        raise RequestError(f"--costs is an objective of its own: got --objective {objective} too. Give one of them.")
    table = as_csv(read_error_costs(Path(costs), classes)) if costs else None
    wish = Wish(
        objective=None if objective == Goal.ACCURACY else objective,
        costs=table,
        prefer=None if prefer == Preference.LATENCY else prefer,
    )
    make_objective(wish.objective, wish.costs, classes)
    return wish


def make_objective(name: str | None, costs: str | None, classes: Sequence[str]) -> Objective:
    """The objective of a name, or of a table of costs, on images of these classes."""
    if costs:
        return Objective(Goal.AVOIDED_COST, parse_error_costs(costs, classes), tuple(classes))
    goal = Goal(name or Goal.ACCURACY)
    if goal is Goal.TOP5 and len(classes) <= FIRST:
        raise RequestError(
            f"--objective top5 needs more than {FIRST} classes: with {len(classes)} every answer is among the first "
            f"{FIRST}. Leave it out, or take balanced-accuracy or macro-f1."
        )
    return Objective(goal)


def request_rows(request: Request, classes: Sequence[str]) -> list[Measurement]:
    """What a request asks for, where it is not accuracy and latency, for the table."""
    name = Goal.MEAN_IOU if request.task else request.objective
    objective, rows = make_objective(name, request.costs, classes), list[Measurement]()
    if not objective.is_accuracy:
        rows.append(Measurement(subject="run", metric=OBJECTIVE, value=1.0, note=objective.goal))
    rows += [
        Measurement(
            subject="data", metric=ERROR_COST, value=c.cost, conditions={"true": c.true, "predicted": c.predicted}
        )
        for c in objective.costs
    ]
    if request.prefer:
        rows.append(Measurement(subject="run", metric=PREFERENCE, value=1.0, note=request.prefer))
    return rows


def read_objective(table: Measurements) -> Objective:
    """The objective of a run."""
    asked = table.rows(metric=OBJECTIVE)
    if not asked:
        return Objective()
    goal = Goal(asked[-1].note)
    if goal is not Goal.AVOIDED_COST:
        return Objective(goal)
    costs = [
        ErrorCost(str(row.conditions["true"]), str(row.conditions["predicted"]), row.value)
        for row in table.rows(metric=ERROR_COST)
    ]
    classes = sorted(table.rows(metric="class", subject="data"), key=lambda row: row.value)
    return Objective(goal, tuple(sorted(costs)), tuple(row.note for row in classes))


def read_preference(table: Measurements) -> Preference:
    """The cost that decides among tied models of a run."""
    asked = table.rows(metric=PREFERENCE)
    return Preference(asked[-1].note) if asked else Preference.LATENCY


def read_test(table: Measurements) -> Measurement:
    """What the trained winner reached on the test split, in the objective."""
    return (table.rows(metric=TEST_SCORE) or table.rows(metric="test_accuracy"))[-1]


def with_scores(
    rows: Iterable[Measurement], outcomes: Iterable[AnyOutcome], objective: Objective
) -> tuple[Measurement, ...]:
    """The rows of a training and, where the objective is not accuracy, one for each split with its score."""
    given = tuple(rows)
    if objective.is_accuracy:
        return given
    return given + tuple(
        _score(row, o, objective) for o in outcomes for row in given if row.metric == f"{o.split}_accuracy"
    )


def _score(accuracy: Measurement, outcome: AnyOutcome, objective: Objective) -> Measurement:
    judged = objective.contributions(outcome)
    share = estimate(judged)
    conditions = {**accuracy.conditions, OBJECTIVE: str(objective.goal), "dispersion": dispersion(judged)}
    cost = objective.mean_cost(share.value, outcome) if objective.costs and isinstance(outcome, Outcome) else None
    return replace(
        accuracy,
        note="" if cost is None else f"errors cost {cost:.3g} an image on the mean",
        metric=f"{outcome.split}_score",
        value=share.value,
        low=share.low,
        high=share.high,
        conditions=conditions,
    )
