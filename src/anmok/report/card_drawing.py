"""Bias cards as one picture: a row an axis, a dot a network, its interval as a whisker."""

from collections.abc import Sequence
from math import isnan

from markupsafe import Markup

from anmok.probes.card import BiasCard
from anmok.probes.card_rows import ROWS, CardRow
from anmok.report.card_text import phrase
from anmok.report.scale import Scale
from anmok.report.svg import Canvas, circle, drawing, group, line, text

_LEFT, _RIGHT, _STEP, _TOP = 170.0, 20.0, 46.0, 34.0
_SPREAD = 5.0  # pixels up and down, between the first dot of a row and the last
MOST = 6  # cards in one picture
_STYLE = (
    "text{font:12px sans-serif;fill:#1c2126}.tick,.hint{fill:#59616b}.grid{stroke:#d9d6cd}.whisker{stroke:currentColor;"
    "stroke-width:1.4}.dot{fill:currentColor}.n0{color:#0072b2}.n1{color:#d55e00}.n2{color:#009e73}.n3{color:#c46a9d}"
    ".n4{color:#8d6e00}.n5{color:#56b4e9}"
)


def card_plot(cards: Sequence[BiasCard], canvas: Canvas) -> Markup:
    """For a page whose style sheet knows the classes n0 to n5; the height follows from the rows."""
    scale = Scale(0.0, 1.0, _LEFT, canvas.width - _RIGHT)
    parts = _legend(cards, canvas.width)
    top = _TOP + 18 * (len(parts) // 2)
    for i, row in enumerate(ROWS):
        parts += _row(row, cards, scale, top + i * _STEP)
    size = canvas._replace(height=top + len(ROWS) * _STEP)
    told = "; ".join(f"{card.name}: {_told(card)}" for card in cards)
    return drawing(size, f"Bias cards of {', '.join(card.name for card in cards)}", told, parts)


def draw_cards(cards: Sequence[BiasCard]) -> str:
    """A picture of its own, as SVG."""
    style = Markup("<style>{}</style>").format(Markup(_STYLE))
    picture = str(card_plot(cards, Canvas("cards", 720, 0)))
    head, _, rest = picture.partition(">")
    return head.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + ">" + str(style) + rest


def _legend(cards: Sequence[BiasCard], width: float) -> list[Markup]:
    """Two elements a card."""
    found = []
    for i, card in enumerate(cards):
        y = 16 + 18 * i
        found.append(group([circle((_LEFT, y - 4), 4.5, "dot")], f"n{i}"))
        found.append(text((_LEFT + 12, y), f"{card.name}{card.kind and f' ({card.kind})'}", ""))
    return found


def _row(row: CardRow, cards: Sequence[BiasCard], scale: Scale, y: float) -> list[Markup]:
    parts = [
        text((0, y + 4), row.title, ""),
        line((scale.start, y), (scale.end, y), "grid"),
        text((scale.start, y + 21), row.ends[0], "tick"),
        text((scale.end, y + 21), row.ends[1], "tick", anchor="end"),
    ]
    found = [(i, card) for i, card in enumerate(cards) if not isnan(card.value(row.drawn.metric))]
    if not found:
        parts.append(text(((scale.start + scale.end) / 2, y - 4), "not measured", "hint", anchor="middle"))
    middle = (len(cards) - 1) / 2
    return parts + [_dot(row, card, scale, y + _SPREAD * (i - middle) / max(1, middle), i) for i, card in found]


def _dot(row: CardRow, card: BiasCard, scale: Scale, y: float, number: int) -> Markup:
    result = card.by_metric[row.drawn.metric]
    marks = []
    if result.low is not None and result.high is not None:
        ends = [scale(row.share(card, end)) for end in (result.low, result.high)]
        marks.append(line((ends[0], y), (ends[1], y), "whisker"))
    marks.append(circle((scale(row.share(card, result.value)), y), 4.5, "dot"))
    return group(marks, f"n{number}", tooltip=f"{card.name}: {phrase(card, row.drawn)}")


def _told(card: BiasCard) -> str:
    return ", ".join(phrase(card, row.drawn) for row in ROWS if not isnan(card.value(row.drawn.metric)))
