"""The replays as a table and a plot."""

from collections.abc import Mapping
from math import isinf

import polars as pl
from markupsafe import Markup
from scores_of_replays import OURS, compare
from truth import Truth

from anmok.report import svg

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 760.0, 430.0, 56.0, 210.0, 16.0, 44.0
_OURS_COLOUR = "#d1441b"
_COLOURS = (
    "#4477aa",
    "#228833",
    "#aa3377",
    "#998822",
    "#66aacc",
    "#888888",
    "#7755bb",
    "#44998a",
    "#bb7744",
    "#667722",
)
_SHOWN = (0.2, float("inf"))  # budgets in the table; the plot has all
_STYLE = """
text{font:13px system-ui,sans-serif;fill:#334}
.axis{stroke:#889;stroke-width:1}.grid{stroke:#dde;stroke-width:1}
.line{fill:none;stroke:currentColor;stroke-width:1.5}.dot{fill:currentColor}
@media(prefers-color-scheme:dark){text{fill:#ccd}.grid{stroke:#445}}
"""


def describe_truth(truths: Mapping[str, Truth]) -> str:
    """Which models were recorded whole; one row for each data set: how far its models lie apart."""
    seeds: dict[str, int] = {}
    for truth in truths.values():
        for model in truth.kinds:
            fewest = min(len(truth.trainings[model, fraction]) for fraction in truth.images)
            seeds[model] = min(fewest, seeds.get(model, fewest))
    recorded = ", ".join(f"`{model}`" + (f" ({count} seeds)" if count > 1 else "") for model, count in seeds.items())
    lines = [
        f"Recorded whole, with one seed unless noted: {recorded}.",
        "",
        "| data set | models | trainings | best model | its accuracy | regret of the median model |",
        "|---|---:|---:|---|---:|---:|",
    ]
    for name, truth in truths.items():
        ranked = sorted(truth.accuracies, key=truth.accuracies.__getitem__, reverse=True)
        count = sum(len(found) for found in truth.trainings.values())
        median = truth.regret(ranked[len(ranked) // 2])
        best = f"{100 * truth.accuracies[ranked[0]]:.1f} %"
        lines.append(f"| {name} | {len(ranked)} | {count} | {ranked[0]} | {best} | {median:.1f} |")
    return "\n".join(lines) + "\n"


def to_markdown(rows: pl.DataFrame, summary: pl.DataFrame) -> str:
    """One row for each policy and budget; policies that cost nothing once."""
    against = f"minus {OURS}, same budget"
    head = ("policy", "budget", "mean regret", "p95", "within 0.5", "cost", against)
    lines = [f"| {' | '.join(head)} |", "|---|---:|---:|---:|---:|---:|---:|"]
    for row in summary.iter_rows(named=True):
        if row["budget"] not in _SHOWN or (row["cost"] == 0 and not isinf(row["budget"])):
            continue
        cells = [
            row["policy"],
            _budget(row["budget"]),
            f"{row['regret']:.2f} [{row['low']:.2f}, {row['high']:.2f}]",
            f"{row['p95']:.2f}",
            f"{row['near']:.0%}",
            f"{row['cost']:.0%}",
            _difference(rows, row["policy"], row["budget"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def to_claims(summary: pl.DataFrame) -> str:
    """What Anmok said beside the name, and whether it held."""
    head = ("budget", "claimed near the best", "was", "80 % intervals hold", "choice in another seed's set", "overhead")
    lines = [f"| {' | '.join(head)} | violations |", "|---|---:|---:|---:|---:|---:|---:|"]
    for row in summary.filter((pl.col("policy") == OURS) & pl.col("claimed").is_not_null()).iter_rows(named=True):
        shares = [f"{row[name]:.0%}" for name in ("claimed", "actual", "covered", "again")]
        cells = [_budget(row["budget"]), *shares, f"{row['overhead']:.1%}", f"{row['violations']}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


def _budget(share: float) -> str:
    return "any" if isinf(share) else f"{share:.0%}"


def _difference(rows: pl.DataFrame, policy: str, budget: float) -> str:
    if policy == OURS or OURS not in rows["policy"]:
        return ""
    mean, low, high = compare(rows, policy, OURS, budget)
    return f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"


def to_svg(summary: pl.DataFrame) -> str:
    """Mean regret against mean cost, a line for each policy from the smallest budget to none."""
    worst = min(summary["regret"].max(), 3 * summary["regret"].median())  # type: ignore[operator, type-var]

    def place(cost: float, regret: float) -> svg.Point:
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(cost, 1.05) / 1.05
        return x, _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * min(regret, worst) / worst

    parts: list[Markup] = [Markup("<style>{}</style>").format(Markup(_STYLE))]
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1.0):
        x, y = place(tick, 0)
        parts += [svg.line((x, y), (x, _TOP), "grid"), svg.text((x, y + 18), f"{tick:.0%}", "", anchor="middle")]
    step = max(1, round(worst / 5))
    for tick in range(0, int(worst) + 1, step):
        x, y = place(0, tick)
        parts += [svg.line((x, y), (_WIDTH - _RIGHT, y), "grid"), svg.text((x - 8, y + 4), f"{tick}", "", anchor="end")]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        svg.text((middle, _HEIGHT - 6), "cost, of training every model on all of the data", "", anchor="middle")
    )
    side = (16, (_TOP + _HEIGHT - _BOTTOM) / 2)
    parts.append(svg.text(side, "mean regret, points", "", anchor="middle", turn=-90))
    labels: list[tuple[float, float, str]] = []
    colours = iter(_COLOURS * 2)
    for (policy,), part in summary.group_by("policy", maintain_order=True):
        points = [place(c, r) for c, r in part.select("cost", "regret").iter_rows()]
        drawn = [svg.polyline(points, "line"), *(svg.circle(point, 3.5, "dot") for point in dict.fromkeys(points))]
        colour = _OURS_COLOUR if policy == OURS else next(colours)
        parts.append(Markup('<g color="{}">{}</g>').format(colour, Markup().join(drawn)))
        labels.append((*points[-1], str(policy)))
    parts += _label(labels)
    canvas = svg.Canvas("oracle", _WIDTH, _HEIGHT)
    title = "Regret against cost"
    text = "Mean regret in points of accuracy against the share of the exhaustive cost, for each policy and budget."
    picture = svg.drawing(canvas, title, text, parts)
    return str(picture).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def _label(ends: list[tuple[float, float, str]]) -> list[Markup]:
    """The policies' names on the right, from top to bottom as their lines end, and a thin line to each end."""
    parts, y = [], _TOP + 10
    for x, end, name in sorted(ends, key=lambda label: label[1]):
        y = max(y + 17, min(end, _HEIGHT - _BOTTOM - 17 * len(ends)))
        parts.append(svg.line((x + 5, end), (_WIDTH - _RIGHT + 10, y - 4), "grid"))
        parts.append(svg.text((_WIDTH - _RIGHT + 14, y), name, ""))
    return parts
