"""A selection by the cost of errors, for real: what was asked is kept, used and named to the end."""

from pathlib import Path

import pytest

import anmok
from anmok.api.select import Selection
from anmok.errors import RequestError, RunDirectoryError
from anmok.experience import ExperienceStore
from anmok.selection.evidence import PRIOR
from anmok.selection.run_directory import RunDirectory
from anmok.selection.trial import ACCURACY

OPTIONS = {"models": ("mlp_nano",), "epochs": 2, "budget": "10m", "prefer": "params"}


def costs(folder: Path, text: str) -> Path:
    path = folder / "costs.csv"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def result(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Selection:
    folder = tmp_path_factory.mktemp("costs")
    path = costs(folder, "class,cost\nred,8\nblue,0.5\n")
    return anmok.select(photos, **OPTIONS, costs=path, experience=folder / "experience.sqlite", out=folder / "run")


def test_every_training_is_judged_by_what_its_errors_cost(result: Selection) -> None:
    table = RunDirectory(result.path).measurements
    assert len(table.rows(metric="select_score")) == len(table.rows(metric=ACCURACY))
    assert result.test_score.metric == "test_score"
    assert result.test_score.note.startswith("errors cost ")
    assert result.test_accuracy.metric == "test_accuracy"
    assert result.leaderboard["objective"].to_list() == ["avoided cost"]
    log = (result.path / "log.txt").read_text()
    assert "seed 0: avoided cost " in log
    assert "Select minus test, avoided cost: " in log
    assert "of the images: avoided cost " in log


def test_experience_is_of_accuracies(result: Selection) -> None:
    """It learns the plain accuracies, and expects nothing of another objective."""
    table = RunDirectory(result.path).measurements
    assert table.rows(metric=PRIOR) == []
    known = {trial.select_accuracy for _, trial in ExperienceStore(result.path.parent / "experience.sqlite").trials()}
    assert {row.value for row in table.rows(metric=ACCURACY) if row.conditions["stage"] == "race"} <= known


def test_the_same_costs_resume_and_others_do_not(result: Selection, photos: Path, tmp_path: Path) -> None:
    options = {**OPTIONS, "experience": result.path.parent / "experience.sqlite", "out": result.path}
    same = costs(tmp_path, "true,predicted,cost\nblue,,0.50\nred,,8.0\n")  # in other words
    assert anmok.select(photos, **options, costs=same).decision == result.decision
    assert anmok.select(photos, **options, costs=result.path / "costs.csv").decision == result.decision
    with pytest.raises(RunDirectoryError, match=r"another request: costs 2 rows \(\w+\) instead of 2 rows \(\w+\)\."):
        anmok.select(photos, **options, costs=costs(tmp_path, "class,cost\nred,9\nblue,0.5\n"))


def test_top_5_of_three_classes_is_refused_before_anything_is_done(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"^--objective top5 needs more than 5 classes"):
        anmok.select(photos, objective="top5", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
