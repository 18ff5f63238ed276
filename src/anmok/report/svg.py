"""SVG by hand: each function returns the markup of one element, with everything foreign escaped.

Coordinates are pixels, y downward. Colours come from the page's style sheet through class names, so that
one drawing serves light, dark and paper.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from markupsafe import Markup

Point: TypeAlias = tuple[float, float]
Anchor: TypeAlias = Literal["start", "middle", "end"]


class Canvas(NamedTuple):
    """A drawing's name, unique on the page, and its size."""

    name: str
    width: float
    height: float


def line(start: Point, end: Point, css: str) -> Markup:
    """Draw a straight line."""
    return Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>').format(*_px(*start, *end), css)


def polyline(points: Iterable[Point], css: str) -> Markup:
    """Draw connected lines."""
    return Markup('<polyline points="{}" class="{}"/>').format(_join(points), css)


def polygon(points: Iterable[Point], css: str) -> Markup:
    """Draw a closed area."""
    return Markup('<polygon points="{}" class="{}"/>').format(_join(points), css)


def circle(centre: Point, radius: float, css: str) -> Markup:
    """Draw a disc."""
    return Markup('<circle cx="{}" cy="{}" r="{}" class="{}"/>').format(*_px(*centre, radius), css)


def rect(corner: Point, size: Point, css: str, *, opacity: float = 1.0) -> Markup:
    """Draw a rectangle from its upper left corner, width and height."""
    markup = Markup('<rect x="{}" y="{}" width="{}" height="{}" fill-opacity="{:.3g}" class="{}"/>')
    return markup.format(*_px(*corner, *size), opacity, css)


def text(at: Point, content: str, css: str, *, anchor: Anchor = "start", turn: float = 0.0) -> Markup:
    """Write one line; `at` lies on its baseline, `turn` is in degrees clockwise around it."""
    x, y = _px(*at)
    turned = Markup(' transform="rotate({:g} {} {})"').format(turn, x, y) if turn else Markup()
    markup = Markup('<text x="{}" y="{}" text-anchor="{}" class="{}"{}>{}</text>')
    return markup.format(x, y, anchor, css, turned, content)


def group(parts: Iterable[Markup], css: str, *, tooltip: str = "") -> Markup:
    """Put elements together; a browser shows the tooltip over any of them."""
    title = Markup("<title>{}</title>").format(tooltip) if tooltip else Markup()
    return Markup('<g class="{}">{}{}</g>').format(css, title, Markup().join(parts))


def drawing(canvas: Canvas, title: str, description: str, parts: Sequence[Markup]) -> Markup:
    """Make a whole picture, read out as its title and description where it cannot be seen."""
    markup = Markup(
        '<svg class="plot" viewBox="0 0 {width:g} {height:g}" role="img" '
        'aria-labelledby="{name}-title {name}-desc"><title id="{name}-title">{title}</title>'
        '<desc id="{name}-desc">{description}</desc>{body}</svg>'
    )
    body = Markup("\n").join(parts)
    return markup.format(**canvas._asdict(), title=title, description=description, body=body)


def ornament(width: float, height: float, parts: Iterable[Markup]) -> Markup:
    """Make a small picture that only repeats what stands beside it in words."""
    markup = Markup(
        '<svg class="ornament" viewBox="0 0 {0:g} {1:g}" width="{0:g}" height="{1:g}" aria-hidden="true">{2}</svg>'
    )
    return markup.format(width, height, Markup().join(parts))


def _px(*values: float) -> tuple[str, ...]:
    return tuple(f"{value:.1f}".removesuffix(".0") for value in values)


def _join(points: Iterable[Point]) -> str:
    return " ".join(",".join(_px(*point)) for point in points)
