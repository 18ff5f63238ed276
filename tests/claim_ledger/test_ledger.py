"""Every claim of the ledger says what it takes, and the page holds what is recorded."""

from pathlib import Path

import pytest

from anmok.api.claims import find_claims, known_findings
from anmok.claims import LEDGER, Claim, write_page
from anmok.errors import UnknownNameError

PAGE = Path(__file__).parents[2] / "docs" / "claims.md"


@pytest.fixture(params=LEDGER, scope="module")
def claim(request: pytest.FixtureRequest) -> Claim:
    return LEDGER[request.param]


def test_a_claim_has_a_source_and_a_protocol(claim: Claim):
    assert "arXiv:" in claim.source
    assert len(claim.protocol) > 100
    assert claim.hypothesis[-1] not in ".:"
    assert any(contrast.decides for contrast in claim.contrasts)


def test_contrasts_name_arms(claim: Claim):
    arms = claim.arms(0.1)
    for contrast in claim.contrasts:
        assert {*contrast.plus, *contrast.minus} <= arms.keys()
    assert {arm.teacher for arm in arms.values()} <= {"", *arms}


def test_a_scale_lengthens_trainings(claim: Claim):
    short, long = (
        sum(getattr(arm, "recipe", None).epochs if hasattr(arm, "recipe") else 0 for arm in claim.arms(scale).values())
        for scale in (1.0, 2.0)
    )
    assert long == 2 * short
    assert claim.trains == (short > 0)


def test_the_page_is_what_the_records_say():
    assert PAGE.read_text() == write_page(LEDGER, known_findings())


def test_a_page_without_records_says_how_to_run_each():
    page = write_page(LEDGER, {})
    assert page.count("**Not run.**") == len(LEDGER)
    assert all(f"anmok claims {name}\n" in page for name in LEDGER)


def test_the_nearest_name_is_offered():
    with pytest.raises(UnknownNameError) as caught:
        find_claims(["gatting"])
    assert str(caught.value) == "No claim is called 'gatting'. Did you mean 'gating'?"
    with pytest.raises(UnknownNameError, match=r"No claim is called 'x9'\. `anmok claims` lists all\."):
        find_claims(["x9"])
