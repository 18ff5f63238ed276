"""Bias cards without a network."""

from anmok.probes.card import BiasCard
from anmok.probes.card_rows import COST, ROWS
from anmok.probes.result import Metric, ProbeResult

METRICS = {cell.metric: Metric(cell.metric, f"{cell.metric}, version 1", "") for cell in COST} | {
    cell.metric: Metric(cell.metric, f"{cell.metric}, version 1", "") for row in ROWS for cell in row.cells
}


def make_card(name: str, kind: str = "CNN", *, shift: float = 0.0, without: tuple[str, ...] = ()) -> BiasCard:
    """Every metric has the value 0.25 + shift with an interval of 0.1, but for those left out."""
    results: list[ProbeResult] = []
    for metric in METRICS.values():
        if metric.name in without:
            results.append(metric.missing("no attention was seen"))
        else:
            value = 0.25 + shift
            results.append(metric.found(value, (value - 0.05, value + 0.05), n=64))
    return BiasCard(
        name=name,
        kind=kind,
        trained="no",
        source="pink noise",
        size=(32, 32),
        profile="full",
        seed=0,
        results=tuple(results),
    )
