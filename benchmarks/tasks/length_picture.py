"""BLEU against the length of a sentence, as a picture: for each network the mean of its seeds and each of them."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import mean

from markupsafe import Markup

from anmok.report.axes import Axis, draw_axes, inside
from anmok.report.scale import Scale
from anmok.report.svg import Canvas, circle, drawing, group, polyline, text

_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#334}.axis{stroke:#889;stroke-width:1}.grid{stroke:#dde;stroke-width:1}"
    ".line{fill:none;stroke:currentColor;stroke-width:2}.dot{fill:currentColor}.name{fill:currentColor;font-weight:600}"
    "@media(prefers-color-scheme:dark){text{fill:#ccd}.name{fill:currentColor}.grid{stroke:#445}}"
)
ALIGNMENT_STYLE = (
    "svg{color:#334}text{font:12px system-ui,sans-serif;fill:currentColor}"
    "@media(prefers-color-scheme:dark){svg{color:#ccd}}"
)  # of a drawing that stands alone
_LINE = 15  # pixels
_COLOURS = ("#d55e00", "#0072b2", "#009e73")


def draw_lengths(lengths: Sequence[float], courses: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """`courses` has BLEU of every seed at every mean length, by the name of the network."""
    canvas = Canvas("lengths", 760, 400)
    area = inside(canvas, left=44, top=34, right=130, bottom=50)
    most = max(1.0, *(value for groups in courses.values() for values in groups for value in values))
    x, y = Scale(0, max(lengths) * 1.02, area.left, area.right), Scale(0, most * 1.05, area.bottom, area.top)
    parts = [Markup("<style>{}</style>").format(Markup(_STYLE))]
    parts += draw_axes(
        area,
        Axis(scale=x, title="words of the source, mean of a group", ticks=[(v, f"{v:g}") for v in x.ticks(8)]),
        Axis(scale=y, title="BLEU", ticks=[(v, f"{v:g}") for v in y.ticks(6)]),
    )
    ends = _apart([y(mean(groups[-1])) + 4 for groups in courses.values()])
    for colour, end, (name, groups) in zip(_COLOURS, ends, courses.items(), strict=True):
        means = [(x(length), y(mean(values))) for length, values in zip(lengths, groups, strict=True)]
        dots = [
            circle((x(length), y(value)), 2.5, "dot")
            for length, values in zip(lengths, groups, strict=True)
            for value in values
        ]
        label = text((means[-1][0] + 10, end), name, "name")
        parts.append(Markup('<g color="{}">{}</g>').format(colour, group([polyline(means, "line"), *dots, label], "")))
    told = "; ".join(
        f"{name}: " + ", ".join(f"{mean(values):.1f}" for values in groups) for name, groups in courses.items()
    )
    picture = drawing(canvas, "BLEU by the length of the source", told, parts)
    return str(picture).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def _apart(heights: Sequence[float]) -> list[float]:
    """The same, each at least a line below the one above it."""
    placed = list(heights)
    order = sorted(range(len(placed)), key=placed.__getitem__)
    for above, below in pairwise(order):
        placed[below] = max(placed[below], placed[above] + _LINE)
    return placed
