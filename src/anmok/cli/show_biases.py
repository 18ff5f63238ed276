"""How the table of relational inductive biases looks in a terminal."""

from collections.abc import Mapping, Sequence
from math import isnan

from rich.console import Console
from rich.table import Table

from anmok.api.biases import BiasTable
from anmok.biases.structure import word
from anmok.cli.show import show_text
from anmok.probes import ProbeResult


def show_biases(table: BiasTable) -> None:
    """Both tables, a line for each component, and why what is missing is missing."""
    show_text("Structure, untrained: relative equivariance errors, 0 where the invariance is built in")
    _show(table.structural)
    show_text("\nTrained: accuracy where the samples are as in training (id), elsewhere (ood) and more (long)")
    for columns in _split(table.trained):
        _show(columns)
    for name, row in (*table.structural.items(), *table.trained.items()):
        for result in row:
            if isnan(result.value):
                show_text(f"{name}, {result.metric}: {result.note}")


def _split(rows: Mapping[str, Sequence[ProbeResult]]) -> list[dict[str, Sequence[ProbeResult]]]:
    """Tables of at most eight columns, which fit a terminal."""
    count = max(map(len, rows.values()), default=0)
    return [{name: row[start : start + 8] for name, row in rows.items()} for start in range(0, count, 8)]


def _show(rows: Mapping[str, Sequence[ProbeResult]]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("")
    for result in next(iter(rows.values())):
        table.add_column(result.metric, justify="right")
    for name, row in rows.items():
        table.add_row(name, *map(_cell, row))
    Console(highlight=False).print(table)


def _cell(result: ProbeResult) -> str:
    if isnan(result.value):
        return "-"
    if result.unit == "x n":
        return f"{result.value:.0f} n"
    match word(result):
        case "built in":
            return "built in"
        case "approximate":
            return f"{result.value:.1g} appr."
        case said:
            return f"{result.value:.2f} {said}".rstrip()
