"""Overlays beside the thumbnails: of the trained winner, where there is one that has places."""

import numpy as np
import pytest

from anmok.report import write_report
from anmok.report.overlays import draw_overlays
from anmok.selection.run_directory import RunDirectory
from anmok.training.classifier import ClassifierConfig, ImageClassifier, save_classifier
from recorded_run import CLASSES, Scene, build_run


def _train(run: RunDirectory, model: str) -> None:
    config = ClassifierConfig(model=model, classes=CLASSES, image_size=16, mean=(0.5,) * 3, std=(0.2,) * 3)
    save_classifier(ImageClassifier(config), run.best)


@pytest.fixture
def run(tmp_path) -> RunDirectory:
    return build_run(tmp_path / "run", Scene(side=16))


def test_each_mistake_shows_what_spoke_for_it(run: RunDirectory) -> None:
    _train(run, "resnet_nano")
    source = write_report(run).read_text()
    assert source.count("data:image/png") == 48
    assert source.count('alt="what spoke for ') == 24
    assert "Grad-CAM (Selvaraju et al. 2017)" in source
    assert len(source.encode()) < 1_500_000
    assert write_report(run).read_text() == source


def test_without_feature_maps_the_page_says_why(run: RunDirectory) -> None:
    _train(run, "mlp_nano")
    source = write_report(run).read_text()
    assert source.count("data:image/png") == 24
    assert "What spoke for the wrong answers is not shown: Grad-CAM shows places of a feature map" in source


def test_a_damaged_model_does_not_cost_the_page(run: RunDirectory) -> None:
    _train(run, "resnet_nano")
    (run.best / "model.safetensors").write_bytes(b"")
    assert "What spoke for the wrong answers is not shown: " in write_report(run).read_text()


def test_without_a_trained_model_nothing_is_said(run: RunDirectory) -> None:
    source = write_report(run).read_text()
    assert "Grad-CAM" not in source
    assert "is not shown" not in source


def test_no_mistakes_need_no_model(run: RunDirectory) -> None:
    _train(run, "resnet_nano")
    assert draw_overlays(run, np.zeros((0, 3, 16, 16), dtype=np.uint8), []).images == ()
