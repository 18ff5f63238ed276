import sys
from pathlib import Path

import pytest

from anmok.catalogue import list_models
from anmok.catalogue.published import read_families

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(scope="module")
def page() -> str:
    sys.path.insert(0, str(TOOLS))
    import make_gallery

    sys.path.remove(str(TOOLS))
    return make_gallery.gallery()


def test_the_page_in_the_docs_is_the_one_that_the_tool_writes(page: str) -> None:
    written = (TOOLS.parent / "docs" / "zoo.md").read_text(encoding="utf-8")
    assert page == written, "Write it anew: python tools/make_gallery.py"


def test_the_page_has_every_family_and_every_preset_once(page: str) -> None:
    assert page.count("\n## ") == len(read_families())
    for name in list_models(task=None):
        assert page.count(f"\n| `{name}`") == 1
    assert page.count("\n") < 1500


def test_links_within_the_page_lead_to_its_headings(page: str) -> None:
    headings = {line.removeprefix("## ").lower() for line in page.splitlines() if line.startswith("## ")}
    linked = {part.partition(")")[0] for part in page.split("](#")[1:]}
    assert linked == headings
