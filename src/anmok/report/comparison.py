"""Bias cards side by side in a terminal: dots on common axes, and the five axes on which kinds of networks differ."""

from collections.abc import Sequence
from math import isnan
from textwrap import wrap
from typing import NamedTuple

from anmok.probes.card import BiasCard
from anmok.probes.card_rows import ROWS, CardRow, Cell
from anmok.probes.result import ProbeResult
from anmok.report.card_text import COLUMNS, head

_TITLE, _AXIS = 25, 41
_LETTERS = "ABCDEF"


class Axis(NamedTuple):
    """One of the five on which CNNs and Transformers are said to differ, and the metric that tells."""

    title: str
    cell: Cell
    most: str  # what the network with the largest value is
    least: str


AXES = (
    Axis("local pattern", Cell("Jacobian distance", "{} px", 1), "looks farthest", "is the most local"),
    Axis("compute cost", Cell("MACs exponent", "pixels^{}"), "grows fastest with the image", "grows slowest"),
    Axis("variable size", Cell("sizes taken", "{} %", 0), "takes most sizes", "takes fewest"),
    Axis("long range", Cell("distant Jacobian share", "{} %", 1), "sees most of what is far", "sees least of it"),
    Axis("data efficiency", Cell("ALC", "{}"), "learns a pattern in noise from fewest images", "needs most for it"),
)


def comparison_text(cards: Sequence[BiasCard]) -> str:
    """Who is who, ten rows of dots with their numbers, the five axes, and what could not be compared."""
    lines = [line for letter, card in _named(cards) for line in _head(letter, card)] + [""]
    for row in ROWS:
        lines += _row(row, cards)
    lines += ["", "The five axes:"]
    for axis in AXES:
        lines += wrap(f"{axis.title}: {sentence(axis, cards)}", COLUMNS, initial_indent="- ", subsequent_indent="  ")
    return "\n".join(lines)


def sentence(axis: Axis, cards: Sequence[BiasCard]) -> str:
    """The numbers, and who stands out where the intervals do not overlap."""
    why = incomparable(axis.cell.metric, cards)
    if why:
        return why
    shown = {card.name: card.by_metric[axis.cell.metric] for card in cards if _has(card, axis.cell.metric)}
    told = ", ".join(f"{name} {axis.cell.phrase(result)}" for name, result in shown.items())
    if len(shown) < 2:
        return f"{told}; nothing to compare it with"
    ranked = sorted(shown, key=lambda name: shown[name].value)
    ends = [
        f"{ranked[-1]} {axis.most}" if _is_above(shown[ranked[-1]], shown[ranked[-2]]) else "",
        f"{ranked[0]} {axis.least}" if _is_above(shown[ranked[1]], shown[ranked[0]]) else "",
    ]
    return f"{told}; {' and '.join(end for end in ends if end) or 'these numbers do not tell them apart'}"


def incomparable(metric: str, cards: Sequence[BiasCard]) -> str:
    """Why a metric of several cards says nothing, or that they were measured in different ways; else empty."""
    with_value = [card for card in cards if _has(card, metric)]
    if not with_value:
        return f"not measured: {cards[0].reason(metric)}"
    if len({card.by_metric[metric].definition for card in with_value}) > 1:
        return "not comparable: the cards define it differently; probe the networks again"
    if len({card.size for card in with_value}) > 1:
        return "not comparable: the images were of different sizes; give --image-size"
    return ""


def _named(cards: Sequence[BiasCard]) -> list[tuple[str, BiasCard]]:
    return list(zip(_LETTERS, cards, strict=False))


def _head(letter: str, card: BiasCard) -> list[str]:
    return wrap(f"{letter} {' · '.join(head(card))}", COLUMNS, subsequent_indent="  ")


def _row(row: CardRow, cards: Sequence[BiasCard]) -> list[str]:
    """Letters on an axis; numbers of the drawn cell below."""
    why = incomparable(row.drawn.metric, cards)
    if why:
        return [f"{row.title:<{_TITLE}}{line}" for line in wrap(why, COLUMNS - _TITLE)[:1]]
    axis = ["·"] * _AXIS
    for letter, card in _named(cards):
        if _has(card, row.drawn.metric):
            place = round(row.share(card, card.value(row.drawn.metric)) * (_AXIS - 1))
            axis[place] = letter if axis[place] == "·" else "*"
    first = f"{row.title:<{_TITLE}}{''.join(axis)} {row.ends[0]} → {row.ends[1]}"
    told = ", ".join(
        f"{letter} {row.drawn.number(card.value(row.drawn.metric))}"
        for letter, card in _named(cards)
        if _has(card, row.drawn.metric)
    )
    return [
        first[:COLUMNS],
        *(f"{'':<{_TITLE}}{line}" for line in wrap(f"{row.drawn.text.format('...')}: {told}", COLUMNS - _TITLE)),
    ]


def _has(card: BiasCard, metric: str) -> bool:
    return not isnan(card.value(metric))


def _is_above(upper: ProbeResult, lower: ProbeResult) -> bool:
    """Whether the intervals do not overlap; numbers without an interval are taken as exact."""
    low = upper.value if upper.low is None else upper.low
    high = lower.value if lower.high is None else lower.high
    return low > high
