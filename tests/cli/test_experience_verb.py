"""`anmok experience`, as it is printed."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from test_app import picture, run

from anmok.experience import ExperienceStore, recorded
from recorded_past import MODELS, PHOTOS, TRIAL, write_recorded


@pytest.fixture(autouse=True)
def _past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_recorded(tmp_path / "recorded")
    monkeypatch.setattr(recorded, "RECORDED", tmp_path / "recorded")
    monkeypatch.setenv("ANMOK_EXPERIENCE", str(tmp_path / "own.sqlite"))
    monkeypatch.setenv("COLUMNS", "160")


def test_what_is_known_is_shown_and_tested_on_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    race = [replace(TRIAL, model=m, select_accuracy=0.6 + 0.1 * i) for i, m in enumerate(MODELS[:3])]
    ExperienceStore(tmp_path / "own.sqlite").remember(PHOTOS, race)
    code, out, _ = run(capsys, "experience")
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == f"4 data sets, 5 models, 63 trainings: 60 that ship with Anmok, 3 in {tmp_path / 'own.sqlite'}"
    assert "set0 Anmok 4,000 10 32 5 20 cmt_nano 90.0 (test)" in lines
    assert "photos here 4,000 10 32 3 3 mlp_nano 80.0 (select)" in lines
    assert any(line.startswith("Following my past advice would have cost you ") for line in lines)
    assert any(line.startswith("a model drawn by lot") for line in lines)


def test_a_folder_is_compared_and_its_models_ranked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(24):
        picture(tmp_path / "photos" / "ab"[i % 2] / f"{i}.png", i)
    code, out, _ = run(capsys, "experience", str(tmp_path / "photos"))
    assert code == 0
    assert "photos is most like (1: the same, 0.14: unrelated): set" in out
    assert "gains, points" in out
    assert "weight of the past" in out


def test_without_a_past_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_recorded(tmp_path / "one", data_sets=1)
    monkeypatch.setattr(recorded, "RECORDED", tmp_path / "one")
    _, out, _ = run(capsys, "experience")
    assert "The past cannot be tested on itself before it knows two data sets with three models each." in out


def test_a_damaged_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.sqlite").write_bytes(b"rubbish" * 1000)
    code, out, _ = run(capsys, "experience")
    assert code == 0
    assert out.startswith(f"note: '{tmp_path / 'own.sqlite'}' was damaged: it is kept as 'own.damaged-1.sqlite'")


def test_a_mistake_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as connection:
        connection.execute("CREATE TABLE x (a)")
    for named, sentence in (
        ("cat.jpg", "--experience takes a folder that exists or a .sqlite file: got 'cat.jpg'."),
        (str(tmp_path / "other.sqlite"), f"'{tmp_path / 'other.sqlite'}' is another program's database. Name another"),
    ):
        code, _, err = run(capsys, "experience", "--experience", named)
        assert code == 2
        assert err.startswith(f"anmok: {sentence}")
        assert len(err.splitlines()) == 1
