"""Encoders that race for images with masks, for real, on shapes that are learnt in seconds."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import anmok
from anmok.api.select import Selection
from anmok.cli import main
from anmok.errors import RequestError, RunDirectoryError
from anmok.selection.ablation import SKIPS, STAGE
from anmok.selection.run_directory import RunDirectory
from discs_and_bars import write_scenes

OPTIONS = {
    "task": "segmentation",
    "models": ["resnet_nano", "mobilenetv3_nano", "unet_nano"],
    "epochs": 3,
    "image_size": 32,
    "budget": "10m",
    "workers": 1,
}


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("data") / "shapes", 40)


@pytest.fixture(scope="module")
def result(masked: Path, tmp_path_factory: pytest.TempPathFactory) -> Selection:
    return anmok.select(masked, **OPTIONS, out=tmp_path_factory.mktemp("runs") / "shapes")


def test_the_winner_is_chosen_by_miou_and_segments(result: Selection, masked: Path, tmp_path: Path) -> None:
    decision = result.decision
    assert decision.objective.title == "mIoU"
    assert decision.winner in OPTIONS["models"]
    assert result.test_score.metric == "test_score"
    assert result.test_score.value > 0.3
    (answer,) = result.best.answer([str(masked / "images" / "001.png")], tmp_path)
    with Image.open(answer.answer) as mask:
        assert mask.size == (64, 48)
        assert set(np.unique(np.asarray(mask))) <= {0, 1, 2}


def test_who_cannot_learn_from_squares_so_small_is_left_out_and_said(result: Selection) -> None:
    reason = "A network without padding learns from squares of 80 pixels or more: got 32."
    assert reason in (result.path / "log.txt").read_text(encoding="utf-8")
    assert reason in result.report.read_text(encoding="utf-8")
    assert {c.model for c in result.decision.candidates} == {"resnet_nano", "mobilenetv3_nano"}


def test_the_test_rows_tell_every_metric_and_class(result: Selection) -> None:
    table = RunDirectory(result.path).measurements
    metrics = {row.metric for row in table.rows(subject=result.decision.winner)}
    assert {"test_mean_iou", "test_dice", "test_boundary_iou", "test_pixel_error"} <= metrics
    assert {f"test_iou_{name}" for name in ("class 0", "class 1", "class 2")} <= metrics
    (told,) = table.rows(metric="test_mean_iou")
    assert told.value == pytest.approx(result.test_score.value, abs=1e-6)


def test_the_same_training_without_skips_stands_beside_it(result: Selection) -> None:
    table = RunDirectory(result.path).measurements
    (skips,) = table.rows(metric=SKIPS)
    (score,) = (row for row in table.rows(metric="select_score") if row.conditions["stage"] == STAGE)
    assert skips.subject == score.subject == result.decision.winner
    assert skips.value == pytest.approx(float(skips.conditions["with"]) - score.value, abs=1e-6)
    assert skips.low <= skips.value <= skips.high


def test_the_report_shows_masks_and_the_ablation(result: Selection) -> None:
    page = result.report.read_text(encoding="utf-8")
    assert "What it owes to the fine maps" in page
    assert page.count("data:image/png;base64,") >= 3
    for name in ("class 0", "class 1", "class 2"):
        assert f'<td class="short">{name}</td>' in page
    assert "--task segmentation" in page
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert all(link in ids for link in re.findall(r'href="#([^"]+)"', page))


def test_the_same_call_resumes_and_trains_nothing(result: Selection, masked: Path) -> None:
    before = len(RunDirectory(result.path).measurements.rows())
    again = anmok.select(masked, **OPTIONS, out=result.path)
    assert again.decision.winner == result.decision.winner
    assert len(RunDirectory(result.path).measurements.rows()) == before


def test_images_that_changed_under_a_run_are_refused(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "shapes", 24)
    options = OPTIONS | {"models": ["resnet_nano"], "epochs": 2}
    anmok.select(folder, **options, out=tmp_path / "run")
    (folder / "images" / "000.png").unlink()
    (folder / "masks" / "000.png").unlink()
    with pytest.raises(RunDirectoryError, match=r"^The data in '.*' has changed since '.*' was begun\. Put it back"):
        anmok.select(folder, **options, out=tmp_path / "run")


def test_what_goes_with_classes_of_images_alone_is_refused(masked: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"^Models for segmentation race from scratch, by mIoU, measured here: got"):
        anmok.select(masked, task="segmentation", objective="macro-f1", out=tmp_path / "run")
    with pytest.raises(RequestError, match=r"^Backbones race in classification or segmentation: got --task trans"):
        anmok.select(masked, task="translation", out=tmp_path / "run")


def test_the_command_line_says_what_is_wrong_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_scenes(tmp_path / "shapes", 12)
    (folder / "masks" / "003.png").unlink()
    with pytest.raises(SystemExit) as end:
        main(["select", str(folder), "--task", "segmentation", "--out", str(tmp_path / "run")])
    assert end.value.code == 2
    assert "have none, the first is 'images/003.png'" in capsys.readouterr().err
