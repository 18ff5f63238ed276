import json
from pathlib import Path

import pytest
import torch

from anmok.errors import SpecError, UnknownNameError, WeightsError
from anmok.training.classifier import CONFIG, ClassifierConfig, ImageClassifier, load_classifier, save_classifier

SCALED = ClassifierConfig(
    model="efficientnet_nano", classes=("a", "b", "c"), image_size=36, mean=(0.5,) * 3, std=(0.2,) * 3,
    depth=1.2**0.5, width=1.1**3,
)  # fmt: skip


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_classifier(ImageClassifier(SCALED), tmp_path)
    return tmp_path


def test_a_scaled_classifier_comes_back_as_it_was(saved: Path) -> None:
    torch.manual_seed(0)
    before, after = ImageClassifier(SCALED).eval(), load_classifier(saved)
    assert after.config == SCALED
    assert after.backbone.spec == before.backbone.spec
    assert sum(p.numel() for p in after.parameters()) > 1_300_000
    images = torch.rand(2, 3, 36, 36)
    assert torch.equal(after(images), before(images))


def test_a_configuration_without_factors_is_that_of_the_preset(saved: Path) -> None:
    stored = json.loads((saved / CONFIG).read_text())
    del stored["depth"], stored["width"]
    (saved / CONFIG).write_text(json.dumps(stored))
    with pytest.raises(WeightsError, match="does not fit efficientnet_nano"):
        load_classifier(saved)


@pytest.mark.parametrize("factor", [0, -1, 1e9, float("nan"), "2", None, [1]])
def test_factors_that_cannot_be_are_one_sentence(saved: Path, factor: object) -> None:
    stored = json.loads((saved / CONFIG).read_text()) | {"depth": factor}
    (saved / CONFIG).write_text(json.dumps(stored))
    with pytest.raises(WeightsError) as error:
        load_classifier(saved)
    assert str(error.value) == (
        f"'{saved / CONFIG}' scales efficientnet_nano by factors from 0.01 to 100: got depth={factor}. Train it again."
    )


def test_a_family_that_cannot_be_scaled_says_so(saved: Path) -> None:
    stored = json.loads((saved / CONFIG).read_text()) | {"model": "mlp_nano"}
    (saved / CONFIG).write_text(json.dumps(stored))
    with pytest.raises(SpecError, match="Compound scaling multiplies depths and widths: MlpSpec has none"):
        load_classifier(saved)


def test_a_network_of_ones_own_comes_back_where_its_module_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lazy_networks.py").write_text(
        "from torch import nn\n\n"
        "def make(num_classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.LazyLinear(num_classes))\n"
    )
    config = ClassifierConfig(
        model="lazy_networks:make", classes=("a", "b", "c"), image_size=8, mean=(0.5,) * 3, std=(0.2,) * 3
    )
    before = ImageClassifier(config).eval()
    save_classifier(before, tmp_path / "best")
    after = load_classifier(tmp_path / "best")
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(after(images), before(images))
    stored = json.loads((tmp_path / "best" / CONFIG).read_text()) | {"model": "gone_networks:make"}
    (tmp_path / "best" / CONFIG).write_text(json.dumps(stored))
    with pytest.raises(UnknownNameError) as error:
        load_classifier(tmp_path / "best")
    assert str(error.value) == (
        "'gone_networks:make' needs the module gone_networks, which is neither installed nor in "
        f"'{tmp_path}'. Repeat this in the folder where it lies."
    )
