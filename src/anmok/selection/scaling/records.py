"""A search for factors as rows of the table, and back."""

from collections.abc import Iterable

from anmok.backbone import Scaling
from anmok.evaluation.measurements import Measurement, Measurements, Scalar
from anmok.selection.scaling.grid import Axis, Triple
from anmok.selection.trial import ACCURACY, FAILED, factors

STAGE = "scaling"
_MACS = "scaled_macs"
_PARAMS = "scaled_params"


def describe(scaling: Scaling | None) -> str:
    """The triple as people write it."""
    return f"({', '.join(f'{factor:g}' for factor in scaling or ())})"


def triple_rows(model: str, triples: Iterable[Triple]) -> list[Measurement]:
    """What each network costs."""
    rows = []
    for triple in triples:
        where: dict[str, Scalar] = {"axis": triple.axis, "image_size": triple.image_size}
        conditions = {"stage": STAGE} | factors(triple.scaling) | where
        rows += [
            Measurement(subject=model, metric=metric, value=value, conditions=conditions)
            for metric, value in ((_MACS, triple.macs), (_PARAMS, triple.params))
        ]
    return rows


def read_triples(table: Measurements) -> list[Triple]:
    """The triples in the order of their worth, the unscaled network first."""
    macs, params = table.rows(metric=_MACS), table.rows(metric=_PARAMS)
    return [
        Triple(
            scaling=read_scaling(row),
            axis=Axis(str(row.conditions["axis"])),
            image_size=int(row.conditions["image_size"]),
            params=int(size.value),
            macs=int(row.value),
            ratio=row.value / macs[0].value,
        )
        for row, size in zip(macs, params, strict=True)
    ]


def read_scaling(row: Measurement) -> Scaling:
    """The triple that a row is about."""
    return Scaling(*(float(row.conditions[name]) for name in ("alpha", "beta", "gamma")))


def read_trials(table: Measurements, metric: str) -> dict[Scaling, Measurement]:
    """The rows of a metric that belong to trials of the search."""
    return {read_scaling(row): row for row in table.rows(metric=metric) if row.conditions.get("stage") == STAGE}


def read_finished(table: Measurements) -> set[Scaling]:
    """The triples that were trained, in vain or not."""
    return {*read_trials(table, ACCURACY), *read_trials(table, FAILED)}
