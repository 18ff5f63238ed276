"""Networks of other tasks through the same verbs, on texts that are learnt in seconds."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import anmok
from anmok.api.evaluate_task import evaluate_task
from anmok.api.train import Trained
from anmok.backbone import Task
from anmok.cli import main
from anmok.errors import RequestError, RunDirectoryError, WeightsError
from anmok.selection.run_directory import RunDirectory
from anmok.serving import TaskNetwork

WORDS = {"good": ("fine", "lovely", "bright", "warm"), "bad": ("dull", "grim", "cold", "stale")}
QUICK = {"epochs": "8", "evaluations": "4", "batch_size": "16", "learning_rate": "0.02"}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    neutral = ("a", "film", "about", "cats", "and", "trains")
    rows = []
    for label in 80 * ("good", "bad"):
        words = [*random.choice(neutral, 4), *random.choice(WORDS[label], 2)]
        rows.append({"text": " ".join(random.permutation(words)), "label": label})
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    pl.DataFrame(rows).write_csv(path)
    return path


@pytest.fixture(scope="module")
def result(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return anmok.train("dan_nano", texts, set=QUICK, out=tmp_path_factory.mktemp("runs") / "reviews")


def test_it_is_trained_tested_saved_and_answers(result: Trained) -> None:
    best = result.best
    assert isinstance(best, TaskNetwork)
    assert (best.task, best.model) == (Task.TEXT_CLASSIFICATION, "dan_nano")
    accuracy = next(row for row in result.test_rows if row.metric == "test_accuracy")
    assert accuracy.value > 0.8
    assert accuracy.low < accuracy.value <= accuracy.high
    first, second = best.answer(["a lovely bright film", "a grim stale film"])
    assert (first.answer, second.answer) == ("good", "bad")
    assert first.probability > 0.5


def test_whatever_was_found_out_is_a_row(result: Trained) -> None:
    rows = RunDirectory(result.path).measurements.rows()
    epochs = [row for row in rows if row.metric == "train_loss"]
    assert [row.conditions["epoch"] for row in epochs] == [*range(1, 9)]
    assert {"train_seconds", "select_score", "test_accuracy", "test_macro_f1", "finding"} <= {
        row.metric for row in rows
    }
    splits = pl.read_parquet(result.path / "splits.parquet")
    assert {row.metric: row.value for row in rows if row.subject == "data" and row.metric == "test_examples"} == {
        "test_examples": splits.filter(split="test").height
    }


def test_the_page_says_what_came_of_it(result: Trained) -> None:
    page = result.report.read_text(encoding="utf-8")
    accuracy = next(row for row in result.test_rows if row.metric == "test_accuracy")
    assert f"{100 * accuracy.value:.1f}\N{NO-BREAK SPACE}%" in page
    assert "Worst mistakes" in page or accuracy.value == 1
    assert "anmok train dan_nano" in page
    result.report.unlink()
    main(["report", str(result.path)])
    assert result.report.read_text(encoding="utf-8") == page


def test_further_texts_are_evaluated_in_its_own_words_and_classes(result: Trained, tmp_path: Path) -> None:
    path = tmp_path / "more.csv"
    path.write_text("text,label\na lovely film,good\nunheard of grim cats,bad\n")
    (accuracy, *_) = [row for row in evaluate_task(result.path, path) if row.metric == "test_accuracy"]
    assert (accuracy.value, accuracy.n) == (1.0, 2)


def test_the_verbs_print_what_they_found(result: Trained, texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["predict", str(result.path), "a warm film", "--json"])
    assert json.loads(capsys.readouterr().out)["answer"] == "good"
    main(["evaluate", str(result.path), str(texts), "--json"])
    assert json.loads(capsys.readouterr().out)["test_accuracy"]["value"] > 0.8
    main(["audit", str(texts), "--task", "text-classification"])
    assert "160 texts in 2 classes of 80 to 80." in capsys.readouterr().out
    main(["models", "--task", "text-classification"])
    assert "dan_nano" in capsys.readouterr().out
    main(["card", "dan_nano"])
    assert "text-classification" in capsys.readouterr().out


def test_killed_in_the_middle_it_comes_to_the_same_weights(texts: Path, tmp_path: Path) -> None:
    options = [
        f"{name}={value}" for name, value in (QUICK | {"epochs": "60", "evaluations": "60", "patience": "60"}).items()
    ]
    command = [sys.executable, "-m", "anmok", "train", "dan_nano", str(texts), "--set", *options, "--out"]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, capture_output=True)
    process = subprocess.Popen([*command, str(tmp_path / "cut")], stdout=subprocess.DEVNULL)
    log = tmp_path / "cut" / "log.csv"
    deadline = time.monotonic() + 60
    while not (log.exists() and len(log.read_text().splitlines()) > 2) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "cut" / "best" / "config.json").exists()
    subprocess.run([*command, str(tmp_path / "cut")], check=True, capture_output=True)
    weights = [(tmp_path / name / "best" / "model.safetensors").read_bytes() for name in ("whole", "cut")]
    assert weights[0] == weights[1]


def test_data_that_changed_under_a_run_is_refused(texts: Path, result: Trained, tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text(texts.read_text())
    out = tmp_path / "run"
    anmok.train("dan_nano", path, set=QUICK | {"epochs": "1", "evaluations": "1"}, out=out)
    (out / "best" / "config.json").unlink()
    path.write_text("\n".join(texts.read_text().splitlines()[:-10]))
    with pytest.raises(RunDirectoryError, match=r"^The data in '.*' has changed since '.*' was begun\. Put it back to"):
        anmok.train("dan_nano", path, set=QUICK | {"epochs": "1", "evaluations": "1"}, out=out)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("dan_nano", {"task": "translation"}, "'dan_nano' is for text-classification: got the task 'translation'"),
        ("dan_nano", {"set": {"mixup": "0.2"}}, "The recipe's mixup has no effect on text classification: got 0.2"),
        ("dan_nano", {"teacher": "resnet_nano"}, "A teacher is for classes of images: got one for text-classification"),
        ("resnet_nano", {"task": "translation"}, "'resnet_nano' is for classification and segmentation: got the task"),
    ],
)
def test_what_goes_not_together_is_refused(
    model: str, options: dict[str, object], message: str, texts: Path, tmp_path: Path
) -> None:
    with pytest.raises(RequestError) as error:
        anmok.train(model, texts, out=tmp_path / "run", **options)
    assert str(error.value).startswith(message)


def test_what_is_done_with_classifiers_of_images_refuses_others(result: Trained) -> None:
    with pytest.raises(
        WeightsError, match=r"^This is done with classifiers of images: '.*' holds a network for text-cl"
    ):
        anmok.probe(result.path)
    with pytest.raises(RequestError, match=r"^A backbone reads images: 'dan_nano' is for text-classification"):
        anmok.create_model("dan_nano")


def test_a_damaged_network_is_one_sentence(result: Trained, tmp_path: Path) -> None:
    folder = tmp_path / "best"
    folder.mkdir()
    config = json.loads((result.path / "best" / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model": "text_gru_nano"}))
    (folder / "model.safetensors").write_bytes((result.path / "best" / "model.safetensors").read_bytes())
    with pytest.raises(
        WeightsError, match=r"^'.*' holds no trained network that can be read \(.*\)\. Train it again\.$"
    ):
        anmok.load(folder)
