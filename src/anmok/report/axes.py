"""The frame of a plot: its area, grid lines, ticks and titles."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from anmok.report.scale import Scale
from anmok.report.svg import Canvas, Point, line, text


@dataclass(frozen=True, kw_only=True)
class Area:
    """Where the marks are drawn, inside the margins of a canvas."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A scale with its title and the labels of its ticks."""

    scale: Scale
    title: str
    ticks: Sequence[tuple[float, str]]


def inside(canvas: Canvas, *, left: float, top: float, right: float, bottom: float) -> Area:
    """The area that margins leave."""
    return Area(left=left, top=top, right=canvas.width - right, bottom=canvas.height - bottom)


def draw_axes(area: Area, x: Axis, y: Axis) -> list[Markup]:
    """Horizontal grid lines, short ticks below; both titles are written upright, at the ends of the axes."""
    parts = [text((0, area.top - 14), y.title, "axis-title")] if y.title else []
    for value, label in y.ticks:
        height = y.scale(value)
        parts.append(line((area.left, height), (area.right, height), "grid"))
        parts.append(text((area.left - 8, height + 4), label, "tick", anchor="end"))
    parts.append(line((area.left, area.bottom), (area.right, area.bottom), "axis"))
    for value, label in x.ticks:
        at: Point = (x.scale(value), area.bottom)
        parts.append(line(at, (at[0], at[1] + 5), "axis"))
        parts.append(text((at[0], at[1] + 19), label, "tick", anchor="middle"))
    if x.title:
        parts.append(text((area.right, area.bottom + 38), x.title, "axis-title", anchor="end"))
    return parts
