from pathlib import Path

import pytest

from anmok.backbone import Scaling
from anmok.errors import BudgetError
from anmok.evaluation.measurements import Measurement
from anmok.selection.campaign import Campaign
from anmok.selection.crew import Crew
from anmok.selection.observer import Silent
from anmok.selection.request import Request
from anmok.selection.run_directory import RunDirectory
from anmok.selection.scaling.grid import Axis, Triple
from anmok.selection.scaling.search import choose_extent, plan_search


def triple(axis: Axis) -> Triple:
    ratio = 1.0 if axis is Axis.NONE else 2.0
    return Triple(scaling=Scaling(1, 1, 1), axis=axis, image_size=32, params=1, macs=1, ratio=ratio)


TRIPLES = [triple(axis) for axis in (Axis.NONE, Axis.DEPTH, Axis.WIDTH, Axis.RESOLUTION, *[Axis.COMPOUND] * 8)]
WORK = 1 + 2 * 11  # epochs of the unscaled network for one epoch of each


@pytest.mark.parametrize(
    ("available", "epochs", "chosen"),
    [
        (64 * WORK, None, (12, 64)),
        (16 * WORK, None, (12, 16)),
        (16 * (WORK - 2), None, (11, 16)),  # one triple less, and not shorter trainings
        (11 * (WORK - 8), None, (8, 11)),  # the fewest triples, in shorter trainings
        (3 * (WORK - 8), None, (8, 0)),  # too short
        (5 * WORK, 5, (12, 5)),
        (5 * (WORK - 4), 5, (10, 5)),
        (5 * (WORK - 8) - 1, 5, (8, 0)),
    ],
)
def test_fewer_triples_rather_than_very_short_trainings(
    available: float, epochs: int | None, chosen: tuple[int, int]
) -> None:
    assert choose_extent(TRIPLES, available, epochs) == chosen


def test_there_may_be_few_triples() -> None:
    assert choose_extent(TRIPLES[:5], 1000, None) == (5, 64)


def campaign(root: Path, budget: float) -> Campaign:
    """A run in which a step was timed already: 1 ms an image."""
    root.mkdir()
    run = RunDirectory(root)
    rows = {"seconds_per_image": 0.001, "preparation_seconds": 10.0}
    run.measurements.append(Measurement(subject="m", metric=name, value=value) for name, value in rows.items())
    return Campaign(Request(data="d", models=("m",), budget=budget, constraint=2.0), run, Silent())


def test_the_plan_is_made_once_and_a_budget_that_is_too_small_says_what_would_do(tmp_path: Path) -> None:
    crew = object.__new__(Crew)  # asked for nothing but its size
    crew.size = 2
    planned = campaign(tmp_path / "a", 1800)
    assert plan_search(crew, TRIPLES, 2000, planned) == (TRIPLES, 45)
    assert plan_search(crew, TRIPLES, 1, planned) == (TRIPLES, 45)
    with pytest.raises(BudgetError) as error:
        plan_search(crew, TRIPLES, 2000, campaign(tmp_path / "b", 60))
    assert str(error.value) == (
        "A budget of 1 m is too small for 8 trainings of 4 epochs: 1 m 33 s would be enough on this machine. "
        "Raise --budget or lower --image-size."
    )
    assert plan_search(crew, TRIPLES, 2000, campaign(tmp_path / "c", 93)) == (TRIPLES[:8], 4)
