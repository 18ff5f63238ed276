"""How claims and their verdicts look in a terminal."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from anmok.claims import LEDGER, Finding
from anmok.claims.words import bounds, command, figure
from anmok.cli.show import show_text


def show_claims(findings: Mapping[str, Finding | None]) -> None:
    """A line for each claim, and how to run one."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("name", "claim", "verdict"):
        table.add_column(heading, no_wrap=heading != "claim")
    for name, claim in LEDGER.items():
        found = findings[name]
        table.add_row(name, claim.hypothesis, str(found.verdict) if found else "not run")
    Console(highlight=False).print(table)
    show_text("\nA verdict is one on small nets and few images. Run one: anmok claims NAME --data photos/")


def show_finding(found: Finding) -> None:
    """The claim, how it was tested, every difference with its interval, and the verdict."""
    claim = found.claim
    show_text(f"{claim.hypothesis}\n\nsource    {claim.source}\nprotocol  {claim.protocol}")
    show_text(f"command   {command(claim, found)}\n")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    n = "exact" if claim.exact else f"n = {len(found.replicates)} {claim.over}"
    for heading in ("difference", "mean", f"95 % interval, {n}", "decides"):
        table.add_column(heading, justify="left" if heading == "difference" else "right")
    for contrast in claim.contrasts:
        it, ratio = found.interval(contrast), contrast.ratio
        decides = "yes" if contrast.decides else ""
        table.add_row(
            contrast.text, figure(it.value, ratio=ratio), f"[{bounds(it.low, it.high, ratio=ratio)}]", decides
        )
    Console(highlight=False).print(table)
    show_text(f"\nverdict   {found.verdict}\n")
