"""The page that shows every claim, with every figure that its records hold."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from statistics import mean

from anmok.claims.claim import TEST, TRAINING, Claim, Finding, Record
from anmok.claims.words import bounds, command, figure, summary

_FACTS = ("images", "epochs", "params", "MACs")
_HEAD = """\
# What the field claims, put to the test

Written by `anmok claims --page` from the records of short experiments, small enough for minutes on two CPU cores. The
images are the 5,000 of Fashion-MNIST that ship with Anmok, unless a command names others by `--data`.
Each seed draws its own training images, which all arms share, and its own weights, and gives one paired difference;
where the trainings exist already, data sets stand in the place of seeds. An interval is Student's 95 % interval over
these n differences. A claim is *supported* where the intervals of all differences that decide it lie above what no
effect gives (0; 1 for ratios; else as stated), *not supported* where some lie below and none above, *supported in part*
where some lie above and some below, and *not resolved* otherwise. What decides stood before the trainings. A verdict
is one on small nets, few images and short trainings, which favour what learns fast and miss what comes late: a longer
`--scale`, more `--seeds` and `--data` of yours are one command away.

These records took {minutes:.0f} core-minutes, fp32, one CPU thread.
"""


def write_page(ledger: Mapping[str, Claim], findings: Mapping[str, Finding | None]) -> str:
    """A summary, then one claim after the other."""
    rows = [row for found in findings.values() if found for arms in found.replicates.values() for row in arms.values()]
    minutes = sum(float(row["cpu seconds"]) for row in rows) / 60
    lines = [_HEAD.format(minutes=minutes), *_table(["claim", "verdict", "what decides: mean, 95 % interval", "n"])]
    for name, claim in ledger.items():
        found = findings.get(name)
        verdict, deciding, n = ("not run", "", "") if found is None else summary(found)
        lines.append(_row([f"[{claim.hypothesis}](#{name})", verdict, deciding, n]))
    return "\n".join([*lines, "", *(_section(claim, findings.get(name)) for name, claim in ledger.items())])


def _section(claim: Claim, found: Finding | None) -> str:
    lines = [f"## {claim.name}", "", f"**Claim.** {claim.hypothesis}. {claim.source}", ""]
    lines += [f"**Protocol.** {claim.protocol}", "", f"    {command(claim, found)}", ""]
    if found is None:
        return "\n".join([*lines, "**Not run.**", ""])
    lines += [*_arms(found), "", *_differences(found), ""]
    return "\n".join([*lines, f"**Verdict: {found.verdict}.**", ""])


def _arms(found: Finding) -> Iterable[str]:
    """What each arm gave: mean, and each replicate where they differ."""
    claim = found.claim
    arms = {arm: [rows[arm] for rows in found.replicates.values()] for arm in next(iter(found.replicates.values()))}
    held = {quantity for rows in arms.values() for quantity in rows[0]}
    named = chain.from_iterable((c.quantity, c.against or c.quantity) for c in claim.contrasts)
    columns = dict.fromkeys(q for q in (*_FACTS, TRAINING, TEST, *named, *claim.shown) if q in held)
    yield from _table(["arm", *columns])
    for arm, rows in arms.items():
        yield _row([arm, *(_cell(quantity, rows) for quantity in columns)])


def _cell(quantity: str, rows: Sequence[Record]) -> str:
    if quantity not in rows[0]:
        return ""
    values = [row[quantity] for row in rows]
    each = ", ".join(v if isinstance(v, str) else f"{v:,}" if isinstance(v, int) else f"{v:.3g}" for v in values)
    numbers = [float(value) for value in values if not isinstance(value, str)]
    if len(set(values)) == 1 or len(numbers) < len(values) or all(isinstance(value, int) for value in values):
        return each if len(set(values)) > 1 else each.split(", ")[0]
    return f"{mean(numbers):.3g}: {each}"


def _differences(found: Finding) -> Iterable[str]:
    yield from _table(
        ["difference", f"each of the {found.claim.over}", "mean", "95 % interval", "all of it", "decides"]
    )
    for contrast in found.claim.contrasts:
        it, ratio = found.interval(contrast), contrast.ratio
        cells = [contrast.text, bounds(*it.values, ratio=ratio), figure(it.value, ratio=ratio)]
        yield _row([*cells, bounds(it.low, it.high, ratio=ratio), it.side, "yes" if contrast.decides else ""])


def _table(columns: Sequence[str]) -> list[str]:
    return [_row(columns), _row(["---"] * len(columns))]


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
