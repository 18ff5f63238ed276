"""A training that is killed anywhere goes on to the same bits, with everything on that is random."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from anmok.data import Augmentation, BatchSource, Order, load_data
from anmok.data.loader import Loader
from anmok.data.views import ResizedCrop
from anmok.errors import TrainingError
from anmok.training import checkpoint, loop
from anmok.training.image_classification import ImageClassification
from anmok.training.job import EpochProgress, Fit
from anmok.training.loop import fit
from anmok.training.recipe import Precision, Recipe
from halves import Halves, network, weights

RANDOM = Recipe(
    epochs=2, batch_size=16, evaluations=2, precision=Precision.FP32, augmentation=Augmentation.FLIP_RESIZED_CROP,
    randaugment_layers=1, erasing=0.5, mixup=0.5, cutmix=0.5, ema_decay=0.9,
)  # fmt: skip


class _KilledError(Exception):
    """Stands for kill -9: nothing is tidied up."""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> BatchSource:
    """The task as files that threads decode."""
    root, task = tmp_path_factory.mktemp("halves"), Halves(48)
    for i, (pixels, label) in enumerate(zip(task.pixels, task.labels, strict=True)):
        path = root / f"half{label}" / f"{i:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels.transpose(1, 2, 0)).save(path)
    order = Order(np.arange(48), batch_size=16, seed=3)
    return Loader(data=load_data(root), order=order, size=8, crop=ResizedCrop(), threads=2)


@pytest.fixture(autouse=True)
def _write_a_checkpoint_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(loop, "CHECKPOINT_SHARE", float("inf"))


def job(images: BatchSource, path: Path, **changes: object) -> Fit:
    base = Fit(
        network=network(), task=ImageClassification(num_classes=2), train=images, select=Halves(48).batches(),
        recipe=RANDOM, device=torch.device("cpu"), seed=5, checkpoint=path,
    )  # fmt: skip
    return replace(base, **changes)


def die_at(step: int) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        assert total == 6
        if done == step:
            raise _KilledError

    return tell


def test_killed_before_and_in_any_checkpoint_it_comes_to_the_same_bits(
    images: BatchSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = job(images, tmp_path / "whole.safetensors")
    undisturbed = fit(whole)
    path, save = tmp_path / "cut.safetensors", checkpoint.save_file
    for step in (1, 2, 4, 5):
        with pytest.raises(_KilledError):
            fit(job(images, path, on_step=die_at(step)))

    def die_in_the_middle(tensors: object, partial: Path, facts: object) -> None:
        partial.write_bytes(b"half a checkpoint")
        raise _KilledError

    monkeypatch.setattr(checkpoint, "save_file", die_in_the_middle)
    with pytest.raises(_KilledError):
        fit(job(images, path))
    monkeypatch.setattr(checkpoint, "save_file", save)
    resumed = job(images, path)
    result = fit(resumed)
    assert weights(resumed.network) == weights(whole.network)
    assert (result.losses, result.scores) == (undisturbed.losses, undisturbed.scores)
    assert result.seen == undisturbed.seen == 96


def test_a_full_disk_costs_a_checkpoint_but_not_the_training(
    images: BatchSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "last.safetensors"
    with pytest.raises(_KilledError):
        fit(job(images, path, on_step=die_at(2)))
    before = path.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "save_file", full)
        notes: list[str] = []
        fit(job(images, path, on_epoch=lambda p: notes.append(p.note)))
    assert notes == ["the checkpoint cannot be written (No space left on device): the one before is kept"] * 2
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_checkpoint_of_another_training_is_refused(images: BatchSource, tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    with pytest.raises(_KilledError):
        fit(job(images, path, on_step=die_at(2)))
    message = r"^The checkpoint '.*last\.safetensors' does not belong to this training \(.*\)\. Delete it to train"
    with pytest.raises(TrainingError, match=message):
        fit(job(images, path, network=torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 2))))
    path.write_bytes(b"no tensors")
    with pytest.raises(TrainingError, match=message):
        fit(job(images, path))


def test_progress_tells_what_logs_need(images: BatchSource, tmp_path: Path) -> None:
    told: list[EpochProgress] = []
    fit(job(images, tmp_path / "last.safetensors", on_epoch=told.append))
    assert [p.epoch for p in told] == [1, 2]
    assert all(p.score is not None and 0 < p.learning_rate < RANDOM.learning_rate for p in told)
    assert told[0].seconds < told[1].seconds


def test_what_ends_a_loader_thread_ends_the_training(tmp_path: Path, images: BatchSource) -> None:
    """Nobody waits for a batch that will never come."""
    assert isinstance(images, Loader)

    def lost(_: int) -> bytes:
        raise RuntimeError("can't start new thread")

    broken = replace(images, data=replace(images.data, encoded=lost))
    with pytest.raises(RuntimeError, match="can't start new thread"):
        fit(job(broken, tmp_path / "last.safetensors"))
