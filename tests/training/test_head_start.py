import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from anmok.data import Batches, Order
from anmok.training.classifier import ClassifierConfig, ImageClassifier
from anmok.training.head_start import fit_head, logistic_regression
from anmok.training.inference import probabilities

CPU = torch.device("cpu")
LABELS = torch.arange(60) % 3


@pytest.fixture
def features() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(60, 8, dtype=torch.float64) * torch.logspace(-3, 3, 8) + 5 + LABELS[:, None]


def test_no_small_step_makes_it_better(features: torch.Tensor) -> None:
    weight, bias = logistic_regression(features, LABELS, 3)
    scale = features.std(0, correction=0)

    def loss(w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        smoothed = cross_entropy(features @ w.T + b, LABELS, label_smoothing=0.1)
        return smoothed + 8 * (w * scale).square().sum() / (2 * 10 * 60)

    w, b = weight.requires_grad_(), bias.requires_grad_()
    slopes = torch.autograd.grad(loss(w, b), (w, b))
    assert (slopes[0] / scale).abs().max() < 1e-3
    assert slopes[1].abs().max() < 1e-3


def test_units_do_not_matter_and_a_constant_says_nothing(features: torch.Tensor) -> None:
    weight, bias = logistic_regression(features, LABELS, 3)
    again, offset = logistic_regression(1000 * features + 7, LABELS, 3)
    assert torch.allclose(features @ weight.T + bias, (1000 * features + 7) @ again.T + offset, atol=1e-3)
    constant, _ = logistic_regression(torch.cat([features, torch.full((60, 1), 3.0).double()], 1), LABELS, 3)
    assert constant[:, -1].abs().max() < 1e-6


def shown() -> tuple[ImageClassifier, Batches]:
    """Images of three colours, and a network with random weights."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 60, (60, 3, 32, 32), dtype=np.uint8)
    pixels[np.arange(60), LABELS.numpy()] += 80
    config = ClassifierConfig(
        model="resnet_nano", classes=("a", "b", "c"), image_size=32, mean=(0.5,) * 3, std=(0.25,) * 3
    )
    return ImageClassifier(config), Batches(pixels, LABELS.numpy(), Order(np.arange(60), batch_size=16, seed=None))


def test_the_head_knows_the_classes_before_any_training_and_all_else_is_as_before() -> None:
    classifier, images = shown()
    before = {name: x.clone() for name, x in classifier.state_dict().items()}
    fit_head(classifier, images, LABELS, CPU)
    assert (probabilities(classifier, images, CPU).argmax(1) == LABELS.numpy()).all()
    changed = {name for name, x in classifier.state_dict().items() if not torch.equal(x, before[name])}
    assert changed == {"backbone.head.weight", "backbone.head.bias"}


def test_a_network_without_such_a_layer_stays_as_it_is() -> None:
    classifier, images = shown()
    classifier.backbone.head = torch.nn.Identity()
    before = {name: x.clone() for name, x in classifier.state_dict().items()}
    fit_head(classifier, images, LABELS, CPU)
    assert all(torch.equal(x, before[name]) for name, x in classifier.state_dict().items())
