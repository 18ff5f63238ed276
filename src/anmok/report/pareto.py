"""Accuracy, or another objective, against a cost: which models are worth their price?"""

from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from anmok.report.axes import Area, Axis, draw_axes, inside
from anmok.report.kinds import LOOKS, marker
from anmok.report.labels import LETTER, Box, place_labels
from anmok.report.prices import PRICES, Price
from anmok.report.scale import Scale, padded
from anmok.report.svg import Canvas, Point, circle, drawing, group, line, polyline, text
from anmok.report.wording import interval, percent
from anmok.selection.curves import Expectation
from anmok.selection.decide import Candidate, Decision, Status
from anmok.selection.preference import Preference

MOST_NAMES = 10  # written in the plot; the others tell theirs when pointed at
_ROOM = 1e4  # square pixels of canvas for each name


def pareto_front(costs: Sequence[float], gains: Sequence[float]) -> list[int]:
    """Indices of the points that no other point beats, from the cheapest on.

    A point is beaten by one that costs no more and gains no less, and differs in either.
    """
    front: list[int] = []
    for i in sorted(range(len(costs)), key=lambda i: (costs[i], -gains[i])):
        if not front or gains[i] > gains[front[-1]]:
            front.append(i)
    return front


def raced(decision: Decision) -> list[tuple[Candidate, Expectation]]:
    """The candidates that can be drawn, best first."""
    return [(c, c.expected) for c in decision.candidates if c.expected]


def pareto_plot(
    decision: Decision, most: float | None, canvas: Canvas, price: Price = PRICES[Preference.LATENCY]
) -> Markup:
    """Draw the expected score at the full train split, with its 80 % interval, over a cost; `most` is its limit."""
    shown, title = raced(decision), decision.objective.title
    costs = [price.of(c.cost) for c, _ in shown]
    area = inside(canvas, left=40, top=40, right=16, bottom=52)
    x, y = _cost_axis(costs, most, price, area), _score_axis([e for _, e in shown], title, area)
    places = [(x.scale(cost), y.scale(e.mean)) for cost, (_, e) in zip(costs, shown, strict=True)]
    front = pareto_front(costs, [e.mean for _, e in shown])
    steps = _staircase([places[i] for i in front], area)
    limit = _limit(most, x.scale, area)
    better = "more accurate" if decision.objective.is_accuracy else "better"
    hint = f"\N{NORTH WEST ARROW} {price.less} and {better}"
    obstacles = [Box(px - 9, py - 9, px + 9, py + 9) for px, py in places]
    obstacles += [
        Box(px - 3, y.scale(e.high), px + 3, y.scale(e.low)) for (px, _), (_, e) in zip(places, shown, strict=True)
    ]
    obstacles += [_around(start, end) for way in (steps, limit) for start, end in pairwise(way)]
    obstacles.append(Box(area.left, area.top, area.left + LETTER * len(hint), area.top + 20))

    parts = draw_axes(area, x, y)
    parts.append(text((area.left + 8, area.top + 16), hint, "hint"))
    if limit:
        parts.append(polyline(limit, "limit"))
        parts.append(text((limit[1][0] - 6, area.bottom - 8), price.option, "hint", anchor="end"))
    parts.append(polyline(steps, "front"))
    parts += [_spot(c, e, at, y.scale, price) for (c, e), at in reversed(list(zip(shown, places, strict=True)))]
    named = _worth_naming([c for c, _ in shown], front, min(MOST_NAMES, int(canvas.width * canvas.height / _ROOM)))
    parts += _names([shown[i][0] for i in named], [places[i] for i in named], area, obstacles)
    described = "; ".join(f"{c.model} {price.text(c.cost)}, {percent(e.mean)}" for c, e in shown)
    return drawing(canvas, f"Expected {title} against {price.preference.noun}", f"{described}.", parts)


def _limit(most: float | None, x: Scale, area: Area) -> list[Point]:
    if most is None or most > x.high:
        return []
    return [(x(most), area.top), (x(most), area.bottom)]


def _around(start: Point, end: Point) -> Box:
    """What a line takes up."""
    (left, right), (top, bottom) = sorted((start[0], end[0])), sorted((start[1], end[1]))
    return Box(left - 2, top - 2, right + 2, bottom + 2)


def _cost_axis(costs: Sequence[float], most: float | None, price: Price, area: Area) -> Axis:
    ends = [*costs, most] if most and most < 3 * max(costs) else costs
    x = Scale(*padded(min(ends), max(ends), 0.12, log=True), area.left, area.right, log=True)
    room = int((area.right - area.left) / 60)
    return Axis(scale=x, title=price.title, ticks=[(v, f"{v:g}") for v in x.ticks(room)])


def _score_axis(expected: Sequence[Expectation], title: str, area: Area) -> Axis:
    low, high = padded(min(e.low for e in expected), max(e.high for e in expected), 0.08)
    y = Scale(max(low, 0.0), min(high, 1.0), area.bottom, area.top)
    return Axis(scale=y, title=f"expected {title}, %", ticks=[(v, f"{100 * v:g}") for v in y.ticks(6)])


def _staircase(corners: Sequence[Point], area: Area) -> list[Point]:
    """What is the best score up to each cost? Constant between the points of the front."""
    steps: list[Point] = [(corners[0][0], area.bottom)]
    for x, y in corners:
        steps += [(x, steps[-1][1]), (x, y)]
    return [*steps, (area.right, steps[-1][1])]


def _spot(candidate: Candidate, expected: Expectation, at: Point, y: Scale, price: Price) -> Markup:
    css = {Status.WINNER: "solid", Status.TIED: "solid"}.get(candidate.status, "hollow")
    marks = [line((at[0], y(expected.low)), (at[0], y(expected.high)), f"whisker {LOOKS[candidate.cost.kind].css}")]
    if candidate.status is Status.WINNER:
        marks.append(circle(at, 11, "halo"))
    marks.append(marker(candidate.cost.kind, at, 6, css))
    tooltip = (
        f"{candidate.model} ({candidate.status}): {percent(expected.mean)} {interval(expected)} expected, "
        f"{price.text(candidate.cost)}"
    )
    return group(marks, "spot", tooltip=tooltip)


def _worth_naming(candidates: Sequence[Candidate], front: Sequence[int], most: int) -> list[int]:
    """All, if they are few; else the tied and those on the front, best first."""
    if len(candidates) <= most:
        return list(range(len(candidates)))
    tied = [i for i, c in enumerate(candidates) if c.status in (Status.WINNER, Status.TIED)]
    return sorted({*tied, *front})[:most]


def _names(
    candidates: Sequence[Candidate], places: Sequence[Point], area: Area, obstacles: Sequence[Box]
) -> list[Markup]:
    frame = Box(area.left, area.top, area.right + 12, area.bottom - 2)
    labels = place_labels(places, [c.model for c in candidates], frame, obstacles)
    parts = []
    for candidate, place, label in zip(candidates, places, labels, strict=True):
        if label.distant:
            box = label.box
            nearest = (min(max(place[0], box.left), box.right), min(max(place[1], box.top), box.bottom))
            parts.append(line(place, nearest, "leader"))
        css = "name first" if candidate.status is Status.WINNER else "name"
        parts.append(text(label.at, candidate.model, css, anchor=label.anchor))
    return parts
