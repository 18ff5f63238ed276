"""How figures and verdicts read, on the page and in a terminal."""

from anmok.claims.claim import Claim, Finding, Needs


def summary(found: Finding) -> tuple[str, str, str]:
    """The verdict, what decides it with intervals, and over how many replicates."""
    deciding = "; ".join(
        f"{c.text}: {figure(it.value, ratio=c.ratio)} ({bounds(it.low, it.high, ratio=c.ratio)})"
        for c, it in found.deciding
    )
    n = "exact" if found.claim.exact else f"{len(found.replicates)} {found.claim.over}"
    return str(found.verdict), deciding, n


def command(claim: Claim, found: Finding | None) -> str:
    """What runs it; as it was run, where it was."""
    options = ""
    if found and claim.needs is Needs.ANY and found.data != "fashion":
        options += f" --data {found.data}/"
    if found and found.scale != 1:
        options += f" --scale {found.scale:g}"
    if found and not claim.exact and claim.replicates is None and len(found.replicates) != 3:
        options += f" --seeds {len(found.replicates)}"
    return f"OMP_NUM_THREADS=1 anmok claims {claim.name}{options}"


def bounds(*values: float, ratio: bool) -> str:
    """Several figures."""
    return ", ".join(figure(value, ratio=ratio) for value in values)


def figure(value: float, *, ratio: bool) -> str:
    """Three digits; a difference with its sign."""
    return f"{value:.3g}" if ratio else f"{value:+.3g}"
