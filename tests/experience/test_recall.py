from dataclasses import replace
from pathlib import Path

import pytest

from anmok.experience import ExperienceStore, recall, recorded
from recorded_past import DIGITS, MODELS, PHOTOS, TRIAL, near, write_recorded


@pytest.fixture(autouse=True)
def _shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_recorded(tmp_path / "recorded")
    monkeypatch.setattr(recorded, "RECORDED", tmp_path / "recorded")


def test_the_recorded_truth_is_the_first_memory() -> None:
    memory = recall()
    assert memory.data_sets == ("set0", "set1", "set2")
    assert memory.models == MODELS
    first = memory.lessons[0]
    assert (first.shipped, first.judge, first.trials) == (True, "test", 20)
    assert first.fingerprint == near(PHOTOS, 0)
    assert memory.lessons[1].fingerprint == near(DIGITS, 1)
    assert len(first.accuracies["vit_nano"]) == 2
    assert first.mean("cmt_nano") == pytest.approx(0.9, abs=0.003)
    assert first.mean("cmt_nano") == sum(first.accuracies["cmt_nano"]) / 2
    assert [lesson.data for lesson in memory.without("set1").lessons] == ["set0", "set2"]


def test_a_race_is_a_lesson_of_what_ran_on_all_of_the_data(tmp_path: Path) -> None:
    store = ExperienceStore(tmp_path / "e.sqlite")
    race = [replace(TRIAL, model=m, select_accuracy=a) for m, a in (("a", 0.7), ("b", 0.8))]
    part = replace(TRIAL, model="c", fraction=0.5)
    final = replace(TRIAL, model="b", images=900, select_accuracy=None, test_accuracy=0.9)
    store.remember(PHOTOS, [*race, part, final])
    store.remember(PHOTOS, [replace(t, run="r2") for t in race])
    ours = recall(store).lessons[3:]
    assert [(lesson.data, lesson.shipped, lesson.judge, lesson.trials) for lesson in ours] == [
        ("photos", False, "select", 4),
        ("photos", False, "select", 2),
    ]
    assert ours[0].accuracies == {"a": (0.7,), "b": (0.8,)}


def test_test_accuracies_judge_where_there_are_enough(tmp_path: Path) -> None:
    store = ExperienceStore(tmp_path / "e.sqlite")
    store.remember(PHOTOS, [replace(TRIAL, model=m, seed=s, test_accuracy=0.1 * s) for m in "abc" for s in (1, 2)])
    (ours,) = recall(store).lessons[3:]
    assert ours.judge == "test"
    assert ours.mean("a") == pytest.approx(0.15)
