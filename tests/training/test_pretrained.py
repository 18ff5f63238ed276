from dataclasses import replace
from pathlib import Path

import pytest
import torch

from anmok.catalogue import create_model
from anmok.training.classifier import ClassifierConfig, ImageClassifier, save_classifier
from anmok.training.pretrained import open_start, preprocessing, save_start, weights_of

CONFIG = ClassifierConfig(
    model="resnet_nano", classes=("a", "b", "c"), image_size=32, mean=(0.1, 0.2, 0.3), std=(1.0, 1.0, 1.0)
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run directory with a classifier for other classes."""
    (tmp_path / "best").mkdir()
    save_classifier(ImageClassifier(replace(CONFIG, classes=("x", "y"))), tmp_path / "best")
    return tmp_path


def test_a_start_has_all_that_was_learnt_and_a_head_of_each_trainings_own(run: Path, tmp_path: Path) -> None:
    source = weights_of(run)
    save_start([create_model("resnet_nano", source, num_classes=3) for _ in range(2)], source, tmp_path / "start.st")
    first, again, other = (_open(tmp_path / "start.st", seed) for seed in (0, 0, 1))
    learnt = create_model("resnet_nano", source).state_dict()
    for name, x in first.backbone.state_dict().items():
        if name.startswith("head."):
            assert torch.equal(x, again.backbone.state_dict()[name])
        else:
            assert torch.equal(x, learnt[name])
    assert not torch.equal(first.backbone.head.weight, other.backbone.head.weight)
    assert first.config.classes == CONFIG.classes


def _open(path: Path, seed: int) -> ImageClassifier:
    torch.manual_seed(seed)
    return open_start(path, replace(CONFIG, mean=(0.5,) * 3))


def test_images_are_prepared_as_those_that_the_weights_know(run: Path, tmp_path: Path) -> None:
    source = weights_of(run)
    assert source == run / "best"
    built = [create_model("resnet_nano", source, num_classes=3)] * 2
    save_start(built, source, tmp_path / "start.st")
    assert open_start(tmp_path / "start.st", replace(CONFIG, mean=(0.5,) * 3)).config.mean == CONFIG.mean
    assert preprocessing(True, built[0])[0] == (0.485, 0.456, 0.406)
    assert weights_of(True) is True
