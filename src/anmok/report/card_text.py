"""Bias cards for a terminal: at most 100 columns."""

from collections.abc import Sequence
from math import isnan
from textwrap import wrap

from anmok.probes.card import BiasCard
from anmok.probes.card_rows import COST, ROWS, Cell
from anmok.selection.quantities import format_count

COLUMNS = 100
_TITLE = 25


def card_text(card: BiasCard) -> str:
    """The head, ten rows, and what could not be measured."""
    lines = wrap(" · ".join(head(card)), COLUMNS)
    missing: dict[str, list[str]] = {}
    for row in ROWS:
        shown = [phrase(card, cell) for cell in row.cells if not isnan(card.value(cell.metric))]
        absent = [cell for cell in row.cells if isnan(card.value(cell.metric))]
        for cell in absent:
            missing.setdefault(card.reason(cell.metric), []).append(cell.metric)
        first = [part for part in ([row.word(card)] if shown else []) if part]
        lines += _wrapped(row.title, " · ".join(first + shown) or "not measured")
    if missing:
        lines += ["", "not measured:"]
        lines += [line for why, metrics in missing.items() for line in _bullet(f"{', '.join(metrics)}: {why}")]
    return "\n".join(lines)


def head(card: BiasCard) -> list[str]:
    """What was looked at and what it costs."""
    height, width = card.size
    counts = [format_count(card.value(name)) + f" {name}" for name in ("params", "MACs") if not isnan(card.value(name))]
    costs = [phrase(card, cell) for cell in COST if not isnan(card.value(cell.metric))]
    weights = "random weights" if card.trained == "no" else f"trained on {card.trained}"
    looked = f"{card.source}, {height} x {width} px, profile {card.profile}, seed {card.seed}"
    return [card.name, *([card.kind] if card.kind else []), *counts, *costs, weights, looked]


def phrase(card: BiasCard, cell: Cell) -> str:
    """One number of the card in words."""
    return cell.phrase(card.by_metric[cell.metric])


def _wrapped(title: str, content: str) -> list[str]:
    lines = wrap(content, COLUMNS - _TITLE, break_long_words=False)
    return [f"{title if i == 0 else '':<{_TITLE}}{line}" for i, line in enumerate(lines)]


def _bullet(content: str) -> Sequence[str]:
    return wrap(content, COLUMNS, initial_indent="- ", subsequent_indent="  ")
