"""What each error costs: a table of the user's, and the matrix that it means."""

import csv
import io
from collections.abc import Sequence
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from anmok.errors import RequestError

_COLUMNS = ("true", "predicted", "cost")
_BY_CLASS = ("class", "cost")
_FORMS = f"the columns {','.join(_COLUMNS)} or {','.join(_BY_CLASS)}"


class ErrorCost(NamedTuple):
    """The cost of answering an image of the class `true` with the class `predicted`."""

    true: str
    predicted: str  # empty: every other class that has no cost of its own
    cost: float


def read_error_costs(path: Path, classes: Sequence[str]) -> tuple[ErrorCost, ...]:
    """Read a CSV file with the columns true,predicted,cost or class,cost; raises `RequestError` where it is none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RequestError(f"--costs takes a CSV file with {_FORMS}: '{path}' cannot be read ({reason}).") from error
    return parse_error_costs(text, classes)


def parse_error_costs(text: str, classes: Sequence[str]) -> tuple[ErrorCost, ...]:
    """The costs in the text of a CSV file, sorted; other columns are ignored.

    Errors without a row cost 1. An empty `predicted`, or the form class,cost, means every error on that class.
    """
    table = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    given = [(name or "").strip() for name in table.fieldnames or ()]
    columns = next((form for form in (_COLUMNS, _BY_CLASS) if set(form) <= set(given)), None)
    if columns is None:
        raise RequestError(f"--costs takes a CSV file with {_FORMS}: this one has {','.join(given) or 'none'}.")
    table.fieldnames = given
    costs: dict[tuple[str, str], ErrorCost] = {}
    for number, row in enumerate(table, 1):
        values = {name: (row[name] or "").strip() for name in columns}
        true, predicted = values.get("true", values.get("class", "")), values.get("predicted", "")
        entry = ErrorCost(
            _known(true, classes, number), predicted and _known(predicted, classes, number), _cost(values, number)
        )
        if true == predicted and entry.cost:
            raise RequestError(f"A right answer costs nothing: row {number} of --costs has '{true},{true}'. Delete it.")
        if (true, predicted) in costs:
            raise RequestError(f"Every error has one cost: row {number} of --costs is about '{true}' again. Delete it.")
        costs[true, predicted] = entry
    if not costs:
        raise RequestError(f"--costs needs a row for every error that does not cost 1, under {_FORMS}: it has none.")
    found = tuple(sorted(costs.values()))
    matrix = cost_matrix(found, classes)
    if len(np.unique(matrix[~np.eye(len(classes), dtype=bool)])) == 1:
        raise RequestError("With these --costs every error costs the same, which is accuracy. Leave --costs out.")
    return found


def as_csv(costs: Sequence[ErrorCost]) -> str:
    """The same as text, one way for one meaning."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [_COLUMNS, *((c.true, c.predicted, f"{c.cost:.12g}") for c in costs)]
    )
    return text.getvalue()


def cost_matrix(costs: Sequence[ErrorCost], classes: Sequence[str]) -> Float[np.ndarray, "k k"]:
    """What it costs to answer class i (row) with class j (column)."""
    index = {name: i for i, name in enumerate(classes)}
    matrix = np.ones((len(classes), len(classes)))
    for true, predicted, cost in sorted(costs):  # the empty `predicted` comes before its exceptions
        matrix[index[true], index[predicted] if predicted else slice(None)] = cost
    np.fill_diagonal(matrix, 0.0)
    return matrix


def _known(name: str, classes: Sequence[str], row: int) -> str:
    if name in classes:
        return name
    near = get_close_matches(name, classes, 1)
    hint = (
        f"Did you mean '{near[0]}'?"
        if near
        else f"The classes are {', '.join(classes[:5])}" + (", ..." if len(classes) > 5 else ".")
    )
    raise RequestError(f"--costs names classes of the images: row {row} has '{name}'. {hint}")


def _cost(values: dict[str, str], row: int) -> float:
    try:
        cost = float(values["cost"])
    except ValueError:
        cost = -1.0
    if not isfinite(cost) or cost < 0:
        raise RequestError(f"A cost is a number, 0 or more: row {row} of --costs has '{values['cost']}'.")
    return cost
