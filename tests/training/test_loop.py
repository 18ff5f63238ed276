"""The loop on a task that can be learnt in a second: which half of the image is bright?"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from anmok.data import Batch, Batches, Order
from anmok.errors import RequestError, TrainingError
from anmok.training import image_classification, loop
from anmok.training.image_classification import ImageClassification
from anmok.training.loop import EpochProgress, Fit, fit
from anmok.training.recipe import Precision, Recipe
from halves import Halves, network, weights

RECIPE = Recipe(epochs=4, batch_size=16, learning_rate=1e-2, evaluations=4, precision=Precision.FP32)


def job(**changes: object) -> Fit:
    data = Halves()
    base = Fit(
        network=network(),
        task=ImageClassification(),
        train=data.batches(seed=1),
        select=data.batches(),
        recipe=RECIPE,
        device=torch.device("cpu"),
        seed=0,
    )
    return replace(base, **changes)


def test_it_learns() -> None:
    result = fit(job())
    assert result.best_score > 0.95
    assert result.losses[-1] < result.losses[0]
    assert result.epochs == 4
    assert result.seen == 4 * 96
    assert list(result.scores) == [1, 2, 3, 4]


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not() -> None:
    first, second, third = job(), job(), job(seed=1)
    for each in (first, second, third):
        fit(each)
    assert weights(first.network) == weights(second.network)
    assert weights(first.network) != weights(third.network)


class _KilledError(Exception):
    """Stands for kill -9: nothing is tidied up."""


def test_a_training_that_was_killed_goes_on_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(loop, "CHECKPOINT_SHARE", float("inf"))
    whole = job(checkpoint=tmp_path / "whole.safetensors")
    undisturbed = fit(whole)

    def die(progress: EpochProgress) -> None:
        if progress.epoch == 3:
            raise _KilledError

    with pytest.raises(_KilledError):
        fit(job(checkpoint=tmp_path / "cut.safetensors", on_epoch=die))
    seen: list[int] = []
    resumed = job(checkpoint=tmp_path / "cut.safetensors", on_epoch=lambda p: seen.append(p.epoch))
    result = fit(resumed)
    assert seen == [3, 4]
    assert weights(resumed.network) == weights(whole.network)
    assert (result.losses, result.scores) == (undisturbed.losses, undisturbed.scores)


def test_the_weights_of_the_best_evaluation_are_kept() -> None:
    accuracies = iter([0.5, 0.9, 0.6, 0.7])
    kept: list[list[bytes]] = []
    patched = job()

    def note(_: EpochProgress) -> None:
        kept.append(weights(patched.network))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_classification, "share_correct", lambda *_: next(accuracies))
        result = fit(replace(patched, on_epoch=note))
    assert (result.best_epoch, result.best_score) == (2, 0.9)
    assert weights(patched.network) == kept[1]


def test_it_stops_when_the_select_accuracy_has_stopped_rising() -> None:
    with pytest.MonkeyPatch.context() as patch:
        falling = iter(range(100, 0, -1))
        patch.setattr(image_classification, "share_correct", lambda *_: next(falling) / 100)
        result = fit(job(recipe=replace(RECIPE, epochs=40, evaluations=40, patience=3)))
    assert result.epochs == 4


def test_a_loss_that_is_no_number_is_an_error_with_a_remedy() -> None:
    broken = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    nn.init.constant_(broken[1].weight, float("nan"))
    message = r"^The loss is nan after epoch 1: the training diverged\. Choose a learning rate below 0\.01\.$"
    with pytest.raises(TrainingError, match=message):
        fit(job(network=broken))


class _Hungry(nn.Module):
    """Runs out of memory on more than `most` images."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.inner = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training and len(images) > self.most:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate")
        return self.inner(images)


def test_out_of_memory_halves_the_batch_says_so_and_changes_nothing_else() -> None:
    notes: list[str] = []
    torch.manual_seed(0)
    hungry = _Hungry(most=5)
    plain = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    plain.load_state_dict(hungry.inner.state_dict())
    result = fit(job(network=hungry, on_epoch=lambda p: notes.append(p.note)))
    fit(job(network=plain))
    assert result.micro_batch == 4
    assert notes == ["out of memory: the batch is now worked off in parts of 4 images", "", "", ""]
    torch.testing.assert_close(hungry.inner[1].weight, plain[1].weight)


def test_not_even_one_image_is_an_error() -> None:
    with pytest.raises(TrainingError, match=r"^Not even one image fits in memory"):
        fit(job(network=_Hungry(most=0)))


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        fit(job(network=nn.Sequential(nn.Flatten(), nn.Linear(7, 2))))


def test_bf16_trains_too() -> None:
    assert fit(job(recipe=replace(RECIPE, precision=Precision.BF16))).best_score > 0.9


def test_the_epoch_order_is_asked_for_by_number() -> None:
    asked: list[int] = []

    class Listening(Batches):
        def epoch(self, number: int, **options: object) -> Iterator[Batch]:
            asked.append(number)
            return super().epoch(number, **options)

    data = Halves()
    train = Listening(data.pixels, data.labels, Order(np.arange(96), batch_size=16, seed=0))
    fit(job(train=train, recipe=RECIPE))
    assert asked == [0, 1, 2, 3]


def test_what_only_masks_have_is_refused() -> None:
    message = r"^The recipe's border_weight has no effect on classification: got 10\. Leave it out\.$"
    with pytest.raises(RequestError, match=message):
        job(recipe=replace(RECIPE, border_weight=10.0))
