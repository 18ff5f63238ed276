import pytest
import torch
from torch import nn

from anmok.errors import TrainingError
from anmok.training.finder import find_learning_rate
from anmok.training.image_classification import ImageClassification
from anmok.training.job import Fit
from anmok.training.loop import fit
from anmok.training.recipe import Precision, Recipe
from halves import Halves, network, weights

RECIPE = Recipe(epochs=2, batch_size=16, evaluations=2, precision=Precision.FP32, warmup=0.0)


def job(model: nn.Module, recipe: Recipe = RECIPE) -> Fit:
    data = Halves()
    return Fit(
        network=model, task=ImageClassification(), train=data.batches(seed=1), select=data.batches(), recipe=recipe,
        device=torch.device("cpu"), seed=0,
    )  # fmt: skip


def test_the_suggested_rate_learns_and_the_network_is_left_as_it_was() -> None:
    model = network()
    before = weights(model)
    sweep = find_learning_rate(job(model), steps=60)
    assert weights(model) == before
    assert all(later > earlier for earlier, later in zip(sweep.rates, sweep.rates[1:], strict=False))
    assert len(sweep.losses) == len(sweep.rates)
    best = sweep.rates[sweep.losses.index(min(sweep.losses))]
    assert sweep.suggestion == pytest.approx(best / 10, rel=0.05)
    found = Recipe(epochs=4, batch_size=16, learning_rate=sweep.suggestion, precision=Precision.FP32)
    assert fit(job(model, found)).best_score > 0.9


class _Constant(nn.Module):
    """Nothing helps it."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(2))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.unused * 0 + images.new_zeros(len(images), 2)


def test_no_rate_that_helps_is_an_error() -> None:
    with pytest.raises(TrainingError, match=r"^No learning rate from 1e-06 to 1 makes the loss fall\. Choose one"):
        find_learning_rate(job(_Constant()), steps=8)
