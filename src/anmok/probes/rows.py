"""Cards as rows of the measurement table, and back."""

from collections.abc import Iterable

from anmok.evaluation.measurements import Measurement
from anmok.probes.card import BiasCard
from anmok.probes.result import ProbeResult, Status

PREFIX = "probe: "
_HEAD = ("kind", "trained", "source", "profile")


def to_rows(card: BiasCard) -> list[Measurement]:
    """One row a result, with all that a comparison needs in its conditions; what only pictures need is left out."""
    height, width = card.size
    head = {name: str(getattr(card, name)) for name in _HEAD} | {"height": height, "width": width}
    return [
        Measurement(
            subject=card.name,
            metric=PREFIX + r.metric,
            value=r.value,
            unit=r.unit,
            low=r.low,
            high=r.high,
            n=r.n,
            seed=card.seed,
            conditions=head | {"definition": r.definition, "status": str(r.status)},
            note=r.note,
        )
        for r in card.results
    ]


def read_cards(rows: Iterable[Measurement]) -> list[BiasCard]:
    """The cards that a table holds, in the order of their first rows; of a metric that was asked again the newest."""
    by_subject: dict[str, dict[str, Measurement]] = {}
    for row in rows:
        if row.metric.startswith(PREFIX):
            by_subject.setdefault(row.subject, {})[row.metric] = row
    return [_card(name, list(found.values())) for name, found in by_subject.items()]


def _card(name: str, rows: list[Measurement]) -> BiasCard:
    where = rows[-1].conditions
    return BiasCard(
        name=name,
        kind=str(where["kind"]),
        trained=str(where["trained"]),
        source=str(where["source"]),
        profile=str(where["profile"]),
        size=(int(where["height"]), int(where["width"])),
        seed=rows[-1].seed or 0,
        results=tuple(
            ProbeResult(
                metric=row.metric.removeprefix(PREFIX),
                definition=str(row.conditions["definition"]),
                value=row.value,
                low=row.low,
                high=row.high,
                unit=row.unit,
                n=row.n or 0,
                status=Status(str(row.conditions["status"])),
                note=row.note,
            )
            for row in rows
        ),
    )
