"""The main job from a folder to a report, for real, on images that are learnt in seconds."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

import anmok
from anmok.api.select import Selection, read_selection, report
from anmok.errors import BudgetError, RequestError, RunDirectoryError, TrainingError
from anmok.evaluation.measurements import Measurement, Measurements
from anmok.experience import ExperienceStore, experience_file
from anmok.probes.rows import PREFIX, read_cards
from anmok.selection.decide import decide
from anmok.selection.evidence import PRIOR
from anmok.selection.finalists import CUE
from anmok.selection.past import ASKED
from anmok.selection.run_directory import RunDirectory
from anmok.selection.trial import ACCURACY

MODELS = ("mlp_nano", "resnet_nano")
OPTIONS = {"models": MODELS, "epochs": 2, "budget": "10m"}


def race_rows(table: Measurements) -> list[Measurement]:
    return [row for row in table.rows(metric=ACCURACY) if row.conditions["stage"] == "race"]


@pytest.fixture(scope="module")
def result(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Selection:
    return anmok.select(photos, **OPTIONS, out=tmp_path_factory.mktemp("runs") / "photos")


def test_the_winner_is_trained_tested_saved_and_exported(result: Selection, photos: Path) -> None:
    assert result.decision.winner in MODELS
    assert result.test_accuracy.value > 0.8
    assert result.test_accuracy.n == 36
    (answer,) = result.best.predict(photos / "red" / "000.png")
    assert answer.label in result.best.classes == ("blue", "green", "red")
    for name in (
        "best/model.safetensors",
        "best/config.json",
        "best/model.onnx",
        "report.html",
        "log.txt",
        "splits.parquet",
    ):
        assert (result.path / name).is_file()
    config = json.loads((result.path / "best" / "config.json").read_text())
    assert config["test_accuracy"] == result.test_accuracy.value
    assert not list((result.path / "trials").rglob("*.safetensors"))


def test_the_race_is_remembered_with_every_trial(result: Selection) -> None:
    table = RunDirectory(result.path).measurements
    (asked,) = table.rows(metric=ASKED)
    assert asked.value >= 6  # data sets that ship with the package
    expected = {row.subject: row.n for row in table.rows(metric=PRIOR)}
    assert expected.keys() == set(MODELS)
    assert min(expected.values()) >= 6
    trials = [trial for _, trial in ExperienceStore(experience_file()).trials() if trial.run == asked.note]
    raced = {(row.subject, row.conditions["fraction"], row.seed, row.value) for row in race_rows(table)}
    assert {(t.model, t.fraction, t.seed, t.select_accuracy) for t in trials} == raced


def test_what_holds_no_experience_is_refused_before_anything_is_done(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"notes\.txt"):
        anmok.select(photos, **OPTIONS, experience=tmp_path / "notes.txt", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_finalists_were_looked_at_once_and_their_weights_dropped(result: Selection) -> None:
    rows = RunDirectory(result.path).measurements.rows()
    cards = read_cards(rows)
    assert {card.name for card in cards} == set(MODELS)
    assert len([row for row in rows if row.metric == f"{PREFIX}params"]) == len(MODELS)
    assert all(card.trained == "the train split" for card in cards)
    cues = {row.metric for row in rows if row.metric.startswith(CUE)}
    assert cues == {CUE + name for name in ("texture", "layout", "colour", "chance", "placement")}
    assert not list((result.path / "trials").rglob("*.safetensors"))


def test_the_leaderboard_is_a_data_frame(result: Selection) -> None:
    board = result.leaderboard
    assert isinstance(board, pl.DataFrame)
    assert board["model"].to_list()[0] == result.decision.winner
    assert board.filter(pl.col("status") == "winner").height == 1


def test_the_bad_file_is_listed_and_skipped(result: Selection) -> None:
    table = RunDirectory(result.path).measurements
    assert any("broken.png" in row.note for row in table.rows(metric="finding"))
    assert pl.read_parquet(result.path / "splits.parquet").height == 180


def test_the_test_split_is_never_seen_before_the_final_training(result: Selection) -> None:
    splits = pl.read_parquet(result.path / "splits.parquet")
    test = set(splits.with_row_index().filter(pl.col("split") == "test")["index"])
    outcomes = RunDirectory(result.path).measurements.outcomes()
    for outcome in outcomes:
        seen = set(outcome.ids.tolist())
        assert seen == test if outcome.conditions["stage"] == "final" else not seen & test


def test_the_same_call_again_repeats_nothing(result: Selection, photos: Path) -> None:
    table = RunDirectory(result.path).measurements
    before = len(table.rows())
    again = anmok.select(photos, **OPTIONS, out=result.path)
    assert again.decision == result.decision
    assert len(table.rows()) == before


def test_the_decision_and_the_report_can_be_made_anew(result: Selection) -> None:
    assert read_selection(result.path).decision == result.decision
    assert report(result.path) == result.report


def test_another_request_on_the_same_directory_is_refused(result: Selection, photos: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"made with another request: seed 0 instead of 1"):
        anmok.select(photos, **OPTIONS, out=result.path, seed=1)


def test_limits_that_no_model_meets_show_the_nearest(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"^No model meets --max-params on this machine\. Nearest: .*_nano \(params"):
        anmok.select(photos, **OPTIONS, max_params="1k", out=tmp_path / "run")


def test_a_budget_that_is_too_small_says_what_would_do(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match=r"is too small for two rungs .* would be enough on this machine"):
        anmok.select(photos, models=MODELS, epochs=2000, budget="20s", out=tmp_path / "run")


def test_a_model_that_diverges_does_not_stop_the_race(photos: Path, tmp_path: Path) -> None:
    """A failed trial is a row with its reason; the others go on without the model."""
    root = tmp_path / "run"
    with pytest.raises(BudgetError):  # prepares the directory and stops before the race
        anmok.select(photos, models=MODELS, budget="1s", out=root)
    table = RunDirectory(root).measurements
    row = {"stage": "race", "fraction": 0.5, "images": 58, "epochs": 2}
    for model in MODELS:
        table.append(
            [Measurement(subject=model, metric="trial_failed", value=1.0, note="The loss is nan.", conditions=row)]
        )
    with pytest.raises(TrainingError, match="Nothing was trained"):
        decide(table)


def test_killed_at_any_moment_it_comes_to_the_same_decision(photos: Path, tmp_path: Path, result: Selection) -> None:
    """kill -9 as soon as the next trial is finished, again and again, until the command gets through."""
    root = tmp_path / "run"
    command = [sys.executable, "-m", "anmok", "select", str(photos), "--models", *MODELS]
    command += ["--epochs", "2", "--budget", "10m", "--out", str(root)]
    for kills in (1, 3):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        _wait_for_trials(root, kills, process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True, capture_output=True)
    found = read_selection(root)
    assert found.decision.winner == result.decision.winner
    trials = Counter(map(_name, race_rows(RunDirectory(root).measurements)))
    assert set(trials.values()) == {1}
    undisturbed = {_name(r): r.value for r in race_rows(RunDirectory(result.path).measurements)}
    disturbed = {_name(r): r.value for r in race_rows(RunDirectory(root).measurements)}
    common = disturbed.keys() & undisturbed.keys()  # which trainings are worth their time depends on how long they take
    assert len(common) >= len(MODELS)
    assert {name: disturbed[name] for name in common} == {name: undisturbed[name] for name in common}


def _name(row: Measurement) -> tuple[str, float, int | None]:
    return row.subject, float(row.conditions["fraction"]), row.seed


def _wait_for_trials(root: Path, count: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(2400):
        if process.poll() is not None:
            return
        if (root / "measurements.sqlite").exists() and len(
            race_rows(Measurements(root / "measurements.sqlite"))
        ) >= count:
            return
        time.sleep(0.05)
    raise TimeoutError("No trial was finished in two minutes.")
