"""The page of a run with another objective and another preferred cost names them, and never calls them accuracy."""

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from anmok.report import write_report
from anmok.report.pareto import pareto_plot
from anmok.report.prices import PRICES
from anmok.report.svg import Canvas
from anmok.selection.decide import decide
from anmok.selection.preference import Preference
from anmok.selection.request import Request
from anmok.selection.run_directory import RunDirectory
from recorded_run import Scene, build_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    scene = Scene(objective="macro-f1", prefer="memory", max_latency=4.0)
    return build_run(tmp_path_factory.mktemp("f1") / "run", scene)


@pytest.fixture(scope="module")
def text(run: RunDirectory) -> str:
    source = re.sub(r"(?s)<style>.*?</style>|<script>.*?</script>", "", write_report(run).read_text(encoding="utf-8"))
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", source)).split())


def test_figures_plots_and_rules_name_the_objective(run: RunDirectory, text: str) -> None:
    test = run.measurements.rows(metric="test_score")[-1]
    plain = run.measurements.rows(metric="test_accuracy")[-1]
    for phrase in (
        f"Test macro-F1 {100 * test.value:.1f}",
        f"accuracy {100 * plain.value:.1f}",
        "What macro-F1 costs",
        "expected macro-F1, %",
        "Macro-F1 is the harmonic mean of precision and recall, averaged over the classes",
        "raise the macro-F1 of the choice",
        "p < 0.05 after Holm's correction",
        "of its memory",
        "smaller and better",
        "--objective macro-f1 --prefer memory",
    ):
        assert phrase in text
    assert "McNemar" not in text
    assert "expected accuracy" not in text


def test_every_cost_has_its_front(run: RunDirectory, text: str) -> None:
    times = {Preference.MEMORY: 2, Preference.ENERGY: 0}  # that asked for, and one that was not measured
    for price in PRICES.values():
        assert text.count(price.title) == times.get(price.preference, 1)
    assert text.count("--max-latency") >= 2  # at its line, and among the limits


@pytest.mark.parametrize("preference", [p for p in Preference if p is not Preference.ENERGY])
def test_the_marks_of_every_cost_stay_on_the_canvas(run: RunDirectory, preference: Preference) -> None:
    canvas = Canvas("price", 300, 260)
    drawing = pareto_plot(decide(run.measurements), None, canvas, PRICES[preference])
    assert drawing.count('class="spot"') == 6
    assert 'class="limit"' not in drawing
    for x, y in re.findall(r'<circle cx="([\d.-]+)" cy="([\d.-]+)"', drawing):
        assert 0 <= float(x) <= canvas.width
        assert 0 <= float(y) <= canvas.height


def test_a_limit_is_in_the_unit_of_its_axis() -> None:
    request = Request(data="photos", max_params=2e6, max_memory=30.0)
    found = {preference: price.limit(request) for preference, price in PRICES.items()}
    assert found == {"latency": None, "params": 2.0, "memory": 30.0, "training": None, "energy": None}


def test_costs_are_reproduced_from_the_run_directory(build: Callable[[Scene], RunDirectory], tmp_path: Path) -> None:
    from anmok.report.reproduce import command

    words = command(Request(data="photos", costs="true,predicted,cost\na,b,2\n"), tmp_path / "run")
    assert f"--costs {tmp_path / 'run' / 'costs.csv'}" in words
