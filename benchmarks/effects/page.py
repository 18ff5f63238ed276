"""The page that shows the experiments, with every figure."""

from collections.abc import Sequence
from itertools import chain
from math import exp
from statistics import mean

from claims import Experiment, Rows, interval

from training import Record

_ACCURACIES = ("training accuracy", "test accuracy")
_HEAD = """\
# Do the papers' effects appear?

Written by `benchmarks/effects`: short trainings from scratch on small parts of {data}, fp32, one CPU thread.

    {command}

Each seed draws its own training images, which all arms of an experiment share; all are tested on the same {tested:,}
images. An interval is Student's 95 % interval over paired differences, one a seed (n). A claim is *supported* where
the intervals of all differences that decide it lie above zero (ratios: above one), *not supported* where some lie below
and none above, *supported in part* where some lie above and some below, and *not resolved* otherwise. What decides, and
the protocols, stood before these trainings; shorter pilots with other seeds only had to show that something is learnt.
Accuracies are those of the last weights, in percent; MACs are those of one test image. Short trainings favour what
learns fast, and miss what comes late: `--scale` lengthens them. The {count} trainings took {minutes:.0f} core-minutes.
"""


def write_page(results: dict[str, tuple[Experiment, list[Rows]]], data: str, command: str) -> str:
    """Summary, then an experiment after the other."""
    rows = [row for _, seeds in results.values() for arms in seeds for row in arms.values()]
    head = _HEAD.format(
        data=data,
        command=command,
        tested=rows[0]["test images"],
        count=len(rows),
        minutes=sum(float(row["cpu seconds"]) for row in rows) / 60,
    )
    lines = [head, _row(["claim", "verdict", "what decides: mean, 95 % interval", "n"]), _row(["---"] * 4)]
    for name, (experiment, seeds) in results.items():
        deciding = "; ".join(
            f"{c.text}: {_figure(found.value, ratio=c.ratio)} ({_bounds(found.low, found.high, ratio=c.ratio)})"
            for c, found in ((c, interval(c, seeds)) for c in experiment.contrasts if c.decides)
        )
        lines += [_row([f"[{experiment.claim}](#{name})", experiment.verdict(seeds), deciding, len(seeds)])]
    return "\n".join([*lines, "", *(_section(name, *result) for name, result in results.items())])


def _section(name: str, experiment: Experiment, seeds: list[Rows]) -> str:
    named = chain.from_iterable((c.quantity, c.against or c.quantity) for c in experiment.contrasts)
    quantities = dict.fromkeys([*_ACCURACIES, *named])
    titles = [f"{quantity} (mean: each seed)" for quantity in quantities]
    columns = ["arm", "images", "epochs", "params", "MACs", *titles]
    lines = [f"## {name}", "", f"**Claim.** {experiment.claim}. {experiment.source}", ""]
    lines += [f"**Protocol.** {experiment.protocol}", "", _row(columns), _row(["---"] * len(columns))]
    for arm, row in seeds[0].items():
        facts = [arm, *(f"{row[fact]:,}" for fact in ("images", "epochs", "params", "macs"))]
        lines += [_row([*facts, *(_cell(quantity, [rows[arm] for rows in seeds]) for quantity in quantities)])]
    columns = ["difference", "each seed", "mean", "95 % interval", "n", "all of it", "decides"]
    lines += ["", _row(columns), _row(["---"] * len(columns))]
    for contrast in experiment.contrasts:
        found, ratio = interval(contrast, seeds), contrast.ratio
        each = _bounds(*found.values, ratio=ratio)
        bounds = _bounds(found.low, found.high, ratio=ratio)
        decides = "yes" if contrast.decides else ""
        mean_ = _figure(found.value, ratio=ratio)
        lines += [_row([contrast.text, each, mean_, bounds, len(found.values), found.side, decides])]
    return "\n".join([*lines, "", f"**Verdict: {experiment.verdict(seeds)}.**", ""])


def _cell(quantity: str, rows: list[Record]) -> str:
    if quantity not in rows[0]:
        return ""
    values = [float(row[quantity]) for row in rows]
    if quantity in _ACCURACIES:
        return f"{mean(values):.1f}: {', '.join(f'{value:.1f}' for value in values)}"
    return f"{exp(mean(values)):.3g}: {', '.join(f'{exp(value):.3g}' for value in values)}"


def _bounds(*values: float, ratio: bool) -> str:
    return ", ".join(_figure(value, ratio=ratio) for value in values)


def _figure(value: float, *, ratio: bool) -> str:
    return f"{value:.2f}" if ratio else f"{value:+.1f}"


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
