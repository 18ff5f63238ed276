"""Names beside the points of a plot, placed so that they cover neither one another nor the marks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anmok.report.svg import Anchor, Point

LETTER = 6.9  # width of a letter at 12 px, generous for a proportional face
_ASCENT, _DESCENT = 10.0, 3.0
_GAP = 14.0  # from a point to its name
_DISTANCES = (0.0, 14.0, 28.0, 44.0, 62.0)  # farther away, with a line that leads back


@dataclass(frozen=True)
class Box:
    """A rectangle that is taken."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: "Box") -> float:
        """Common area, square pixels."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0.0) * max(height, 0.0)


@dataclass(frozen=True)
class Label:
    """Where a name is written: its baseline, and whether it stands so far away that a line must lead to it."""

    at: Point
    anchor: Anchor
    box: Box
    distant: bool


def place_labels(points: Sequence[Point], names: Sequence[str], area: Box, obstacles: Sequence[Box]) -> list[Label]:
    """One label per point, the first ones with the first choice.

    Greedy: the nearest place that is free, otherwise the one that covers least. Names may leave the area
    at a price, so that they do so only when nothing else is left; rather than another name they cover a line.
    """
    labels: list[Label] = []
    for point, name in zip(points, names, strict=True):
        labels.append(min(_places(point, name), key=lambda label: _price(label, area, obstacles, labels)))
    return labels


def _places(point: Point, name: str) -> Iterator[Label]:
    """Possible labels, the most pleasant first."""
    width = LETTER * len(name)
    for distance in _DISTANCES:
        for x, y in ((1, 0), (-1, 0), (1, -1), (1, 1), (-1, -1), (-1, 1), (0, -1), (0, 1)):
            right = point[0] + x * (_GAP + 0.7 * distance) + (0 if x > 0 else -width if x < 0 else -width / 2)
            base = point[1] + 4 + y * (0.6 * _GAP + distance + 4)
            anchor: Anchor = "start" if x > 0 else "end" if x < 0 else "middle"
            at = (right + (0 if x > 0 else width if x < 0 else width / 2), base)
            box = Box(right, base - _ASCENT, right + width, base + _DESCENT)
            yield Label(at, anchor, box, distance > 0)


def _price(label: Label, area: Box, obstacles: Sequence[Box], others: Sequence[Label]) -> float:
    own = (label.box.right - label.box.left) * (_ASCENT + _DESCENT)
    outside = own - label.box.overlap(area)
    lines = sum(label.box.overlap(box) for box in obstacles)
    return 20 * outside + lines + 10 * sum(label.box.overlap(other.box) for other in others)
