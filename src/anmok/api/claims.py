"""The field's claims: what is known of each, and putting them to the test."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from anmok.claims import LEDGER, RECORDED, Claim, Finding, Material, Records, run_claim, write_page
from anmok.claims.claim import Needs
from anmok.data import load_data
from anmok.data.atomic import written_whole
from anmok.data.fashion import NAME as FASHION
from anmok.errors import UnknownNameError
from anmok.selection.observer import Observer, Silent


def find_claims(names: Sequence[str]) -> list[Claim]:
    """The claims of these names; raises `UnknownNameError` with the nearest ones."""
    for name in names:
        if name not in LEDGER:
            near = get_close_matches(name, LEDGER, n=1)
            remedy = f"Did you mean '{near[0]}'?" if near else "`anmok claims` lists all."
            raise UnknownNameError(f"No claim is called '{name}'. {remedy}")
    return [LEDGER[name] for name in names]


def known_findings(records: str | Path | None = None) -> dict[str, Finding | None]:
    """What came of each claim, by the records that ship with the package or those in a file; None: not run."""
    held = Records(Path(records) if records else RECORDED)
    return {name: held.finding(claim) for name, claim in LEDGER.items()}


def put_to_the_test(
    names: Sequence[str],
    *,
    data: str | Path = FASHION,
    scale: float = 1.0,
    seeds: int = 3,
    records: str | Path = "claims.jsonl",
    observer: Observer | None = None,
) -> list[Finding]:
    """Run the experiments of some claims; arms that the file of `records` holds are not run again.

    `scale` lengthens the trainings. Raises an `AnmokError` whose message says what to do.
    """
    watching, chosen = observer or Silent(), find_claims(names)
    held, materials, findings = Records(Path(records)), dict[str, Material](), []
    for claim in chosen:
        watching.stage(claim.hypothesis)
        source = FASHION if claim.needs is Needs.FASHION else str(data)
        if claim.needs is not Needs.NONE and source not in materials:
            materials[source] = Material(load_data(source))
        material = None if claim.needs is Needs.NONE else materials[source]
        findings.append(run_claim(claim, material, held, scale=scale, seeds=seeds, progress=watching.progress))
    return findings


def write_claims(page: str | Path, records: str | Path | None = None) -> None:
    """Write the page of all claims from records."""
    with written_whole(Path(page)) as partial:
        partial.write_text(write_page(LEDGER, known_findings(records)))
