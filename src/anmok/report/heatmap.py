"""The confusion matrix as a picture: what is right recedes, what is wrong stands out."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from markupsafe import Markup

from anmok.report.labels import LETTER
from anmok.report.svg import Canvas, drawing, group, rect, text

MOST_CLASSES = 20
_LONGEST = 16  # letters of a class name
_LARGEST = 56.0  # side of a cell, pixels


def heat_map(matrix: Int[np.ndarray, "k k"], classes: Sequence[str], canvas: Canvas) -> Markup:
    """Draw label (rows) by answer (columns); the colour is the share of the row, the number counts images."""
    names = [_shortened(name) for name in classes]
    margin = LETTER * max(map(len, names)) + 10
    cell = min((canvas.width - margin - 2) / len(classes), _LARGEST)
    top = margin + 18
    parts = [
        text((margin, 12), "answered", "axis-title"),
        text((margin - 8, top - 8), "true", "axis-title", anchor="end"),
    ]
    for i, name in enumerate(names):
        middle = (i + 0.5) * cell
        parts.append(text((margin - 8, top + middle + 4), name, "tick", anchor="end"))
        parts.append(text((margin + middle + 4, top - 8), name, "tick", turn=-90))
    totals = np.maximum(matrix.sum(1), 1)
    for (i, j), images in np.ndenumerate(matrix):
        corner = (margin + j * cell, top + i * cell)
        share = float(images / totals[i])
        tooltip = f"{classes[i]} answered as {classes[j]}: {images} of {totals[i]} ({share:.1%})"
        parts.append(_cell(corner, cell, int(images), _strength(share, right=i == j), tooltip, right=i == j))
    wrong = int(matrix.sum() - np.trace(matrix))
    size = canvas._replace(height=top + len(classes) * cell + 2)
    description = f"{wrong} of {matrix.sum()} images lie off the diagonal; the frequent ones are listed beside it."
    return drawing(size, f"Confusion matrix of {len(classes)} classes", description, parts)


def _shortened(name: str) -> str:
    """Both ends of a long name: either may be what tells it from others."""
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST // 2]}\N{HORIZONTAL ELLIPSIS}{name[1 - _LONGEST // 2 :]}"


def _cell(
    corner: tuple[float, float], side: float, images: int, strength: float, tooltip: str, *, right: bool
) -> Markup:
    css = "right" if right else "wrong"
    marks = [rect(corner, (side - 1.5, side - 1.5), "track")]
    if images:
        marks.append(rect(corner, (side - 1.5, side - 1.5), css, opacity=strength))
    if images and side >= 9 + 6 * len(str(images)):
        tone = "inverse" if strength > 0.6 else "ink"
        at = (corner[0] + (side - 1.5) / 2, corner[1] + side / 2 + 3.5)
        marks.append(text(at, str(images), f"cell {tone}", anchor="middle"))
    return group(marks, "spot", tooltip=tooltip)


def _strength(share: float, *, right: bool) -> float:
    """Opacity. Errors grow with the square root of their share, so that rare ones are seen at all."""
    return 0.3 * share if right else float(np.sqrt(share))
