"""The front by definition, and what is drawn."""

import re
from dataclasses import replace
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from anmok.report.pareto import pareto_front, pareto_plot
from anmok.report.svg import Canvas
from anmok.selection.decide import Status, decide
from anmok.selection.run_directory import RunDirectory

CANVAS = Canvas("pareto", 560, 440)
point = st.tuples(st.integers(0, 9), st.integers(0, 9))


def test_front_of_a_known_set() -> None:
    costs, gains = [1, 2, 3, 2.5, 1], [0.5, 0.8, 0.9, 0.7, 0.4]
    assert pareto_front(costs, gains) == [0, 1, 2]


@given(st.lists(point, min_size=1, max_size=12, unique=True))
def test_front_holds_exactly_the_unbeaten(points: list[tuple[int, int]]) -> None:
    unbeaten = {p for p in points if not any(q != p and q[0] <= p[0] and q[1] >= p[1] for q in points)}
    front = pareto_front([c for c, _ in points], [g for _, g in points])
    assert {points[i] for i in front} == unbeaten
    assert [points[i][0] for i in front] == sorted(points[i][0] for i in front)


def test_every_raced_model_is_drawn_and_named_and_no_excluded_one(run: RunDirectory) -> None:
    decision = decide(run.measurements)
    root = ElementTree.fromstring(pareto_plot(decision, None, CANVAS))
    names = {element.text for element in root.iter("text") if "name" in (element.get("class") or "")}
    assert names == {c.model for c in decision.candidates if c.expected}
    assert "swin_tiny" not in names
    assert len([g for g in root.iter("g") if g.get("class") == "spot"]) == len(names)


def test_only_the_winner_has_a_ring(run: RunDirectory) -> None:
    assert pareto_plot(decide(run.measurements), None, CANVAS).count('class="halo"') == 1


def test_marks_stay_on_the_canvas(run: RunDirectory) -> None:
    drawing = pareto_plot(decide(run.measurements), 4.0, CANVAS)
    for x, y in re.findall(r'<circle cx="([\d.-]+)" cy="([\d.-]+)"', drawing):
        assert 0 <= float(x) <= CANVAS.width
        assert 0 <= float(y) <= CANVAS.height


def test_limit_is_drawn_when_it_lies_near(run: RunDirectory) -> None:
    decision = decide(run.measurements)
    assert 'class="limit"' in pareto_plot(decision, 4.0, CANVAS)
    assert 'class="limit"' not in pareto_plot(decision, None, CANVAS)
    assert 'class="limit"' not in pareto_plot(decision, 4000.0, CANVAS)


def test_of_many_models_only_the_important_are_named(run: RunDirectory) -> None:
    decision = decide(run.measurements)
    last = replace(decision["mlp_nano"], status=Status.DROPPED)
    crowd = tuple(replace(last, model=f"mlp_{i}", cost=replace(last.cost, latency=5.0 + i)) for i in range(20))
    drawing = pareto_plot(replace(decision, candidates=(*decision.candidates, *crowd)), None, CANVAS)
    assert drawing.count('class="spot"') == 26
    names = set(re.findall(r'class="name[^"]*">(\w+)<', drawing))
    assert {*decision.tied, "mlp_nano"} <= names
    assert not names & {c.model for c in crowd}


def test_one_model_alone_is_drawn(run: RunDirectory) -> None:
    decision = decide(run.measurements)
    alone = replace(decision, candidates=(decision[decision.winner],))
    assert pareto_plot(alone, None, CANVAS).count('class="spot"') == 1
