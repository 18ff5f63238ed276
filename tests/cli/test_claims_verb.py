"""`anmok claims`."""

from pathlib import Path

import pytest
from test_app import run

from anmok.claims import LEDGER, RECORDED, Records


def test_without_a_name_all_claims_are_listed_with_their_verdicts(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    code, out, _ = run(capsys, "claims")
    lines = out.splitlines()
    assert code == 0
    for name, claim in LEDGER.items():
        line = next(line for line in lines if line.startswith(f"{name} "))
        found = Records(RECORDED).finding(claim)
        assert line.rstrip().endswith(str(found.verdict) if found else "not run")


def test_a_run_shows_the_claim_and_its_verdict_and_goes_on_from_its_records(capsys, monkeypatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "claims", "hybrids", "--page", "claims.md")
    assert code == 0
    assert out.startswith(LEDGER["hybrids"].hypothesis)
    for word in ("source ", "protocol ", "hybrids - CNN", "data sets", "\nverdict "):
        assert word in out
    first = Path("claims.jsonl").read_text()
    assert "**Verdict:" in Path("claims.md").read_text()
    assert run(capsys, "claims", "hybrids")[1].endswith("records   claims.jsonl\n")
    assert Path("claims.jsonl").read_text() == first


def test_the_page_of_what_ships_is_written_without_a_run(capsys, tmp_path: Path):
    code, out, _ = run(capsys, "claims", "--page", str(tmp_path / "claims.md"))
    assert (code, out.split()) == (0, ["page", str(tmp_path / "claims.md")])


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (("gatting",), "anmok: No claim is called 'gatting'. Did you mean 'gating'?\n"),
        (("padding", "--seeds", "1"), "anmok: An interval takes at least two seeds: got 1. Choose 2 or more.\n"),
        (("gating", "--scale", "-1"), "anmok: --scale is positive: got -1. 1 is the protocol as it stands.\n"),
        (("gating", "--data", "nowhere"), "anmok: No folder, manifest or built-in data set is called 'nowhere'. "),
    ],
)
def test_what_cannot_be_done_is_one_sentence(wish, sentence, capsys, monkeypatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "claims", *wish)
    assert code == 2
    assert err.splitlines()[-1].startswith(sentence.rstrip("\n"))
