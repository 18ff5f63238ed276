import importlib.util
from pathlib import Path

from anmok.probes import all_probes

TOOL = Path(__file__).parents[2] / "tools" / "make_probes_page.py"
specification = importlib.util.spec_from_file_location("make_probes_page", TOOL)
make_probes_page = importlib.util.module_from_spec(specification)
specification.loader.exec_module(make_probes_page)


def test_the_page_has_every_metric_as_the_code_defines_it():
    page = make_probes_page.PAGE.read_text(encoding="utf-8")
    assert page == make_probes_page.renewed(page), "run tools/make_probes_page.py"


def test_every_question_is_one():
    assert all(probe.question.endswith("?") for probe in all_probes())


def test_a_bar_in_a_definition_does_not_end_a_cell():
    for line in make_probes_page.table().splitlines():
        assert line.replace("\\|", "").count("|") == 7
