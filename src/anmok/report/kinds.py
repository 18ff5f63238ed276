"""How each kind of backbone looks: always by colour, shape and dash at once, never by colour alone."""

from dataclasses import dataclass
from math import cos, pi, sin

from markupsafe import Markup

from anmok.backbone import Kind
from anmok.report.svg import Point, circle, ornament, polygon


@dataclass(frozen=True)
class Look:
    """A kind's class in the style sheet, which has its colour and dash, and the corners of its marker."""

    css: str
    corners: tuple[Point, ...] = ()  # around (0, 0); none makes a disc


def _regular(corners: int, turn: float, radius: float) -> tuple[Point, ...]:
    """Corners of a regular polygon; the radius evens out the areas."""
    angles = [turn + 2 * pi * i / corners for i in range(corners)]
    return tuple((radius * cos(a), radius * sin(a)) for a in angles)


LOOKS = {
    Kind.MLP: Look("mlp", _regular(3, -pi / 2, 1.5)),
    Kind.CNN: Look("cnn", _regular(4, pi / 4, 1.25)),
    Kind.TRANSFORMER: Look("transformer"),
    Kind.HYBRID: Look("hybrid", _regular(4, 0, 1.35)),
}


def marker(kind: Kind, at: Point, radius: float, css: str) -> Markup:
    """Draw the marker of a kind; `css` is added to the kind's own class."""
    look = LOOKS[kind]
    classes = f"mark {look.css} {css}"
    if not look.corners:
        return circle(at, radius, classes)
    return polygon([(at[0] + radius * x, at[1] + radius * y) for x, y in look.corners], classes)


def glyph(kind: Kind) -> Markup:
    """Draw the marker for running text and legends."""
    return ornament(14, 14, [marker(kind, (7, 7), 5, "solid")])
