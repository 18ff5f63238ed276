from dataclasses import replace
from pathlib import Path

import pytest

from anmok.api.experience import look_out, read_experience
from anmok.experience import ExperienceStore, experience_file, recorded
from recorded_past import MODELS, PHOTOS, TRIAL, write_recorded


@pytest.fixture(autouse=True)
def _past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_recorded(tmp_path / "recorded")
    monkeypatch.setattr(recorded, "RECORDED", tmp_path / "recorded")
    monkeypatch.setenv("ANMOK_EXPERIENCE", str(tmp_path / "own.sqlite"))


def test_a_first_run_knows_what_ships(tmp_path: Path) -> None:
    found = read_experience()
    assert found.path == tmp_path / "own.sqlite"
    assert not found.path.exists()
    assert found.memory.data_sets == ("set0", "set1", "set2")
    assert found.outlook is None
    assert found.notes == ()
    assert len(found.backtest.replays) == 3


def test_own_races_join_in_and_another_file_can_be_named(tmp_path: Path) -> None:
    race = [replace(TRIAL, model=m, select_accuracy=0.6 + 0.1 * i) for i, m in enumerate(MODELS)]
    ExperienceStore(experience_file()).remember(PHOTOS, race)
    assert "photos" in read_experience().memory.data_sets
    assert "photos" not in read_experience(experience=tmp_path / "team.sqlite").memory.data_sets


def test_the_past_is_asked_about_a_folder(photos: Path) -> None:
    outlook = read_experience(photos).outlook
    assert outlook is not None
    assert (outlook.data, outlook.fingerprint.images, outlook.fingerprint.classes) == ("photos", 181, 3)
    assert set(outlook.alike) == {"set0", "set1", "set2"}
    assert list(outlook.alike.values()) == sorted(outlook.alike.values(), reverse=True)
    assert set(outlook.models) == set(MODELS)
    means = [prior.mean for prior in outlook.models.values()]
    assert means == sorted(means, reverse=True)


def test_photographs_are_most_like_photographs() -> None:
    outlook = look_out(read_experience().memory, "mine", PHOTOS)
    assert next(iter(outlook.alike)) == "set0"
    assert next(iter(outlook.models)) == "cmt_nano"
    assert outlook.models["cmt_nano"].data_sets == 3
