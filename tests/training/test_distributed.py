"""Two processes train as one does, sharing the images or the weights too; every image is judged once."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from math import inf
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from anmok.catalogue import create_model
from anmok.data import Augmentation, Part
from anmok.errors import TrainingError
from anmok.training import distributed, loop, stepper
from anmok.training.finder import find_learning_rate
from anmok.training.image_classification import ImageClassification
from anmok.training.inference import probabilities, share_correct
from anmok.training.job import Fit
from anmok.training.loop import fit
from anmok.training.optimizer import build_optimizer
from anmok.training.recipe import Optimizer, Precision, Recipe
from anmok.training.stepper import Moment, Stepper
from anmok.zoo.airbench import Airbench, AirbenchSpec
from anmok.zoo.vit import ViTSpec
from halves import Halves, layer_norm_network

CPU = torch.device("cpu")
SPEC = ViTSpec(patch=4, width=32, depth=2, num_heads=2, img_size=(8, 8))
# 50 images in batches of 16: of the last two, one process has nothing. The large epsilon keeps Adam from making whole
# steps of rounding errors, where a gradient should be 0: that of a key's bias.
BASE = Recipe(
    epochs=2, batch_size=16, evaluations=2, learning_rate=5e-3, epsilon=1e-3, precision=Precision.FP32,
    augmentation=Augmentation.FLIP_CROP, randaugment_layers=1, mixup=0.5, cutmix=0.5,
)  # fmt: skip
RECIPES = {
    "short": BASE.changed({"ema_decay": 0.9}),
    "adamw": BASE.changed({"ema_decay": 0.9, "clip_norm": 0.1, "grad_checkpointing": True}),
    "lamb": BASE.changed({"optimizer": Optimizer.LAMB, "layer_decay": 0.8, "head_epochs": 0.25}),
    "sgd": BASE.changed({"optimizer": Optimizer.SGD, "epsilon": 1e-8, "weight_decay": 0.01}),
}
LAST = 6  # step of a training that is ended; an epoch has 4


class _EndedError(Exception):
    """Stands for whatever ends a training."""


class Limited(nn.Module):
    """A network that has memory to learn from so many images at a time."""

    def __init__(self, images: float) -> None:
        super().__init__()
        self.images, self.inner = images, layer_norm_network()

    def forward(self, images: Tensor) -> Tensor:
        if self.training and len(images) > self.images:
            raise MemoryError
        return self.inner(images)


def job(name: str, checkpoint: Path | None = None, *, memory: float = inf, **others: object) -> Fit:
    torch.manual_seed(0)
    network = Limited(memory) if name == "short" else create_model("vit_nano", spec=SPEC, num_classes=2)
    return Fit(
        network=network, train=Halves(50).batches(seed=1), select=Halves(37).batches(), recipe=RECIPES[name],
        device=CPU, seed=0, task=ImageClassification(num_classes=2), checkpoint=checkpoint, **others,
    )  # fmt: skip


def train(task: Fit) -> dict[str, object]:
    result = fit(task)
    return {
        "losses": result.losses,
        "answers": probabilities(task.network, Halves(37).batches(), CPU).tolist(),
        "accuracies": list(result.scores.values()),
        "images": result.seen,
        "share": share_correct(task.network, Halves(37).batches(), CPU),
    } | ({"micro_batch": result.micro_batch} if task.shard else {})


def learned_filters() -> list[float]:
    """Those that a network takes from the first images that it sees, of which each process sees others."""
    torch.manual_seed(0)
    network = Airbench(AirbenchSpec(widths=(4,), img_size=(8, 8)), num_classes=2)
    recipe = BASE.changed({"epochs": 1, "evaluations": 0})
    task = ImageClassification(num_classes=2)
    train = Halves(50).batches(seed=1)
    fit(Fit(network=network, task=task, train=train, recipe=recipe, device=CPU, seed=0))
    return network.stem[0].weight.flatten().tolist()


def ending(end: Callable[[], None]) -> Callable[[int, int], None]:
    def tell(done: int, _: int) -> None:
        if done == LAST:
            end()

    return tell


def give_up() -> None:
    raise _EndedError


def write_always() -> None:
    loop.CHECKPOINT_SECONDS, loop.CHECKPOINT_SHARE = -1.0, inf


def main(folder: Path) -> None:
    """What each of the two processes does; one is lost at last."""
    with distributed.process_group():
        rank = distributed.this_part().rank
        task = job("short", folder / "short.safetensors", memory=5 if rank else inf)
        found = {"short": train(task)}
        write_always()
        with contextlib.suppress(_EndedError):
            fit(job("adamw", folder / "adamw.safetensors", shard=True, on_step=ending(give_up)))
        loop.CHECKPOINT_SECONDS = inf
        for name in ("adamw", "sgd"):
            task = job(name, folder / f"{name}.safetensors", shard=True)
            found[name] = train(task)
            if rank == 0:
                save_file(task.network.state_dict(), folder / f"{name}-weights.safetensors")
        rates = find_learning_rate(job("adamw", shard=True), steps=20).losses
        (folder / f"{rank}.json").write_text(json.dumps([found, rates, learned_filters()]))
        write_always()
        kill = lambda: os.kill(os.getpid(), signal.SIGKILL if rank else 0)  # noqa: E731
        fit(job("lamb", folder / "lamb.safetensors", shard=True, on_step=ending(kill)))


def test_two_processes_train_as_one_does_and_it_goes_on_where_one_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(loop, "CHECKPOINT_SHARE", inf)
    with pytest.raises(_EndedError):  # the two take it over
        fit(job("sgd", tmp_path / "sgd.safetensors", on_step=ending(give_up)))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.run(
        [*command, "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", __file__, str(tmp_path)],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert "TrainingError: Another process of this training has ended." in process.stderr, process.stderr
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    found, rates, filters = first
    assert len(filters) == 2 * 12 * 12
    np.testing.assert_allclose(rates, find_learning_rate(job("adamw"), steps=20).losses, atol=1e-4)
    for name in found:
        alone = job(name)
        agree(found[name], alone)
        if name != "short":
            theirs = load_file(tmp_path / f"{name}-weights.safetensors")
            torch.testing.assert_close(theirs, alone.network.state_dict(), rtol=1e-4, atol=1e-5)
    agree(train(job("lamb", tmp_path / "lamb.safetensors")), job("lamb"))  # as they left it when one was lost


def agree(found: dict[str, object], alone: Fit) -> None:
    expected = train(alone)
    np.testing.assert_allclose(found["losses"], expected["losses"], atol=1e-4)
    np.testing.assert_allclose(found["answers"], expected["answers"], atol=1e-4)
    assert len(found["answers"]) == 37
    assert found["images"] == expected["images"] == 100
    assert found["accuracies"] == expected["accuracies"]
    assert found["share"] == expected["share"]


def test_alone_there_is_nothing_to_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    network, number = torch.nn.Linear(2, 2), torch.tensor(3.0)
    assert distributed.in_parallel(network, CPU) is network
    assert distributed.summed(number) is number
    assert distributed.gathered("a") == ["a"]
    assert [distributed.anyone(yes) for yes in (True, False)] == [True, False]
    assert distributed.is_first()
    with distributed.process_group() as device:
        assert device.type in ("cpu", "cuda", "mps")
    monkeypatch.setenv("RANK", "1")
    assert not distributed.is_first()


def test_a_lost_process_is_one_sentence_however_it_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("init_process_group", "new_group", "destroy_process_group"):
        monkeypatch.setattr(distributed.distributed, name, lambda *_, **__: None)
    sentence = r"^Another process of this training has ended\. Look at what it said, and repeat the command: it resumes"
    with pytest.raises(TrainingError, match=sentence), distributed.process_group():
        raise RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:28213")
    with pytest.raises(TrainingError, match=sentence), distributed.process_group():
        signal.getsignal(signal.SIGTERM)(signal.SIGTERM, None)  # the signal itself would end the test's own process
    with pytest.raises(RuntimeError, match="mat1"), distributed.process_group():
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


def test_processes_halve_together_at_first_and_later_one_that_has_no_memory_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As one of two sees it that shares a network without the other's gradients."""
    monkeypatch.setattr(stepper, "this_part", lambda: Part(1, 2))
    monkeypatch.setattr(stepper, "in_parallel", lambda heads, _: heads)
    monkeypatch.setattr(stepper, "summed", lambda number: number)
    others = iter([False, True, *[False] * 9])  # run out of memory
    monkeypatch.setattr(stepper, "anyone", lambda mine: next(others) or mine)
    task = job("short", memory=3)
    steps = Stepper(task.network, build_optimizer(task.network, task.recipe), task, task.recipe.batch_size)
    (batch, *_) = task.train.epoch(0, part=Part(1, 2))
    assert len(batch.labels) == 8
    steps.step(batch, Moment(0, 0))
    assert steps.micro_batch == 2  # 8 are too many for us, 4 for the other
    assert steps.take_note() == "out of memory: the batch is now worked off in parts of 2 images"
    steps.step(batch, Moment(0, 1))
    task.network.images = 1
    message = r"^Process 2 of 2 ran out of memory\. Choose a smaller batch_size, or more processes\.$"
    with pytest.raises(TrainingError, match=message):
        steps.step(batch, Moment(0, 2))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
