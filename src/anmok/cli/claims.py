"""`anmok claims`."""

from pathlib import Path


def claims(
    *names: str,
    all: bool = False,
    data: str = "fashion",
    scale: float = 1.0,
    seeds: int = 3,
    records: Path | None = None,
    page: Path | None = None,
) -> None:
    """Put what the field claims about backbones to the test; without a name, list the claims and what came of them.

    Parameters
    ----------
    names
        Claims to run, as the list names them.
    all
        Run all of them: an hour or more.
    data
        Images to train on: a folder with train and test, or "fashion", which ships with Anmok.
    scale
        Times the epochs of every training.
    seeds
        Of weights and images; each gives one difference.
    records
        File (.jsonl) of what was run, from which a run that was stopped goes on: claims.jsonl when not given. A list
        or a page takes the records that ship with Anmok when it is not given.
    page
        Markdown file to write all claims to.
    """
    from anmok.api.claims import known_findings, put_to_the_test, write_claims
    from anmok.claims import LEDGER
    from anmok.cli.show import show_text, watching
    from anmok.cli.show_claims import show_claims, show_finding

    if names or all:
        records = records or Path("claims.jsonl")
        with watching() as observer:
            findings = put_to_the_test(
                list(LEDGER) if all else names, data=data, scale=scale, seeds=seeds, records=records, observer=observer
            )
        for finding in findings:
            show_finding(finding)
        show_text(f"records   {records}")
    elif page is None:
        show_claims(known_findings(records))
    if page:
        write_claims(page, records)
        show_text(f"page      {page}")
