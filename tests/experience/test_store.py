"""Rows go in once and come out as they were, whoever else writes at the same time."""

import json
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from anmok.errors import RequestError
from anmok.experience import ExperienceStore, FinishedTrial, digest
from recorded_past import DIGITS, PHOTOS, TRIAL

WRITER = """
import sys
from dataclasses import asdict, replace
from pathlib import Path
from recorded_past import PHOTOS, TRIAL
from anmok.experience import ExperienceStore
store = ExperienceStore(Path(sys.argv[1]))
for seed in range(100_000):
    store.remember(PHOTOS, [replace(TRIAL, run="killed", seed=seed)])
    print(seed, flush=True)
"""


def trials(n: int, run: str = "r1") -> list[FinishedTrial]:
    return [replace(TRIAL, run=run, seed=seed, select_accuracy=0.5 + seed / 1000) for seed in range(n)]


def test_rows_and_fingerprints_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "new" / "experience.sqlite"
    untested = replace(TRIAL, run="r2", select_accuracy=None, test_accuracy=0.7)
    store = ExperienceStore(path)
    assert store.remember(PHOTOS, trials(2)) == 2
    assert store.remember(DIGITS, [untested]) == 1
    again = ExperienceStore(path)
    assert again.trials() == [(PHOTOS.id, t) for t in trials(2)] + [(DIGITS.id, untested)]
    assert again.fingerprints() == {PHOTOS.id: PHOTOS, DIGITS.id: DIGITS}
    assert (untested.accuracy, TRIAL.accuracy) == (0.7, 0.8)
    assert again.notes == []


def test_the_same_trial_of_the_same_run_is_one_row(tmp_path: Path) -> None:
    store = ExperienceStore(tmp_path / "e.sqlite")
    assert store.remember(PHOTOS, trials(3)) == 3
    assert store.remember(PHOTOS, [replace(t, select_accuracy=0.1) for t in trials(4)]) == 1
    assert [t.select_accuracy for _, t in store.trials()] == [0.5, 0.501, 0.502, 0.1]
    assert store.remember(PHOTOS, trials(3, run="r2")) == 3
    assert store.remember(PHOTOS, []) == 0


def test_reading_makes_no_file(tmp_path: Path) -> None:
    store = ExperienceStore(tmp_path / "e.sqlite")
    assert (store.trials(), store.fingerprints()) == ([], {})
    assert list(tmp_path.iterdir()) == []


def test_rows_are_added_all_or_none(tmp_path: Path) -> None:
    store = ExperienceStore(tmp_path / "e.sqlite")
    store.remember(PHOTOS, trials(1))
    with pytest.raises(OverflowError):
        store.remember(DIGITS, [*trials(2, "r2"), replace(TRIAL, run="r2", seed=2**70)])
    assert len(store.trials()) == len(store.fingerprints()) == 1


def test_many_writers_make_one_file_together(tmp_path: Path) -> None:
    path = tmp_path / "e.sqlite"

    def write(i: int) -> int:
        return sum(ExperienceStore(path).remember(PHOTOS, [trial]) for trial in trials(5, run=f"r{i}"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(write, range(8))) == [5] * 8
    assert len(ExperienceStore(path).trials()) == 40


def test_a_killed_process_loses_nothing_that_it_had_added(tmp_path: Path) -> None:
    path = tmp_path / "e.sqlite"
    store = ExperienceStore(path)
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "0\n"
        assert sum(store.remember(PHOTOS, [trial]) for trial in trials(5)) == 5
        killed.send_signal(signal.SIGKILL)
        added = 1 + killed.stdout.read().count("\n")
    runs = [trial.run for _, trial in ExperienceStore(path).trials()]
    assert runs.count("r1") == 5
    assert runs.count("killed") in (added, added + 1)


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = ExperienceStore(tmp_path / "file" / "folder" / "e.sqlite")
    message = (
        r"^The experience in '.*e\.sqlite' cannot be used: Not a directory\. Name another file with --experience\.$"
    )
    with pytest.raises(RequestError, match=message):
        store.remember(PHOTOS, trials(1))


def test_a_file_that_somebody_locks_for_good_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ExperienceStore(tmp_path / "e.sqlite")
    store.remember(PHOTOS, trials(1))
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout: connect(path, timeout=0.01))
    holder = connect(store.path)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(RequestError, match=r"cannot be used: database is locked\. Name"):
        store.remember(PHOTOS, trials(2))
    assert len(store.trials()) == 1
    holder.close()


def test_a_trial_says_where_it_was_made() -> None:
    made = FinishedTrial(**{k: v for k, v in asdict(TRIAL).items() if k not in ("hardware", "versions")})
    assert json.loads(made.hardware)["cores"] > 0
    assert "torch" in json.loads(made.versions)


def test_a_digest_does_not_depend_on_the_order() -> None:
    assert digest({"a": 1, "b": 2.5}) == digest({"b": 2.5, "a": 1}) != digest({"a": 1, "b": 2})
