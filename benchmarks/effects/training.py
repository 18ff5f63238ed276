"""Trainings: what one is, how it runs, and the file that remembers those that are finished."""

import json
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from math import log
from pathlib import Path
from typing import Any

import anmok  # before torch: it keeps OpenMP from spinning

import torch  # isort: skip
import numpy as np  # isort: skip
from torch import nn  # isort: skip

from anmok.backbone import Backbone  # isort: skip
from anmok.data import Batches, ImageData, Order, channel_statistics, prepare
from anmok.evaluation.cost import count_macs, count_params
from anmok.training.classifier import ClassifierConfig, ImageClassifier, save_classifier
from anmok.training.inference import share_correct
from anmok.training.job import Fit
from anmok.training.loop import fit
from anmok.training.losses import Losses
from anmok.training.recipe import Recipe
from anmok.training.teacher import find_teacher

DEVICE = torch.device("cpu")
TEST_PER_CLASS = 200
BEFORE, AFTER, ALONE = "at initialisation", "after training", ", last head alone"
_GRADIENT_BATCH = 256  # images
_EVALUATION_BATCH = 250

Record = dict[str, float | int | str]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A network, built for the images' size, and how it is trained."""

    model: str
    spec: Any  # of the model
    recipe: Recipe
    per_class: int  # training images
    teacher: str = ""  # arm of the same experiment and seed
    teaches: bool = False  # its weights are kept
    gradients: tuple[str, ...] = ()  # modules whose gradients are measured before and after the training

    @property
    def side(self) -> int:
        """Of the images, pixels."""
        return int(self.spec.img_size[0])


class Images:
    """Images with labels: for each seed its own for training, for all the same for testing."""

    def __init__(self, data: ImageData) -> None:
        self.data = data
        self._labels = data.samples["label"].to_numpy()
        self._split = data.samples["split"].to_numpy()
        self._test = self._chosen("test", TEST_PER_CLASS, 0)
        self.decoded = cache(self._decoded)

    def training(self, arm: Arm, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Pixels and labels; the same for arms that differ in neither side nor number."""
        return self.decoded(tuple(self._chosen("train", arm.per_class, seed)), arm.side)

    def testing(self, arm: Arm) -> tuple[np.ndarray, np.ndarray]:
        """Pixels and labels."""
        return self.decoded(tuple(self._test), arm.side)

    def _chosen(self, split: str, per_class: int, seed: int) -> np.ndarray:
        random, ids = np.random.default_rng(seed), np.flatnonzero(self._split == split)
        classes = [random.permutation(ids[self._labels[ids] == label]) for label in range(len(self.data.classes))]
        least = min(map(len, classes))
        if least < per_class:
            raise SystemExit(f"Every class needs {per_class} images in {split}: got {least}. Give a larger folder.")
        return np.concatenate([members[:per_class] for members in classes])

    def _decoded(self, ids: Sequence[int], side: int) -> tuple[np.ndarray, np.ndarray]:
        pixels = np.stack([prepare(self.data.read(int(id)), side) for id in ids])
        return pixels, self._labels[list(ids)]


class Records:
    """Finished trainings, a line of JSON each, and the weights of those that teach."""

    def __init__(self, path: Path) -> None:
        self._path = path
        text = path.read_text() if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]  # a last line may have been cut
        if whole != text:
            path.write_text(whole)
        self._rows: list[Record] = [json.loads(line) for line in whole.splitlines()]

    def find(self, key: Record) -> Record | None:
        """The row of a training, where it was finished."""
        return next((row for row in self._rows if key.items() <= row.items()), None)

    def append(self, row: Record) -> None:
        """Remember a training."""
        self._rows.append(row)
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def weights(self, key: Record) -> Path:
        """Where the weights of a teacher lie."""
        return self._path.with_suffix(".weights") / "-".join(map(str, key.values()))


def key_of(experiment: str, name: str, arms: dict[str, Arm], seed: int, data: ImageData) -> Record:
    """What a training is known by; another protocol is another training."""
    arm = arms[name]
    settings = (data.name, data.samples.height, TEST_PER_CLASS, arm, arms.get(arm.teacher))
    protocol = sha256(repr(settings).encode()).hexdigest()[:12]
    return {"experiment": experiment, "arm": name, "seed": seed, "protocol": protocol}


def train(arm: Arm, images: Images, seed: int, teacher: Path | None, keep: Path) -> Record:
    """Train from scratch; accuracies in percent of the last weights, with the cost of the network."""
    start, cpu = time.monotonic(), time.process_time()
    pixels, labels = images.training(arm, seed)
    network = _network(arm, images.data.classes, pixels, seed)
    batches = Batches(pixels, labels, Order(np.arange(len(labels)), batch_size=arm.recipe.batch_size, seed=seed))
    before = _gradients(network, arm, pixels, labels, BEFORE)
    job = Fit(
        network=network,
        train=batches,
        recipe=arm.recipe,
        device=DEVICE,
        seed=seed,
        num_classes=len(images.data.classes),
        teacher=None if teacher is None else find_teacher(teacher, images.data.classes),
    )
    result = fit(job)
    if arm.teaches:
        save_classifier(network, keep)
    return {
        "training accuracy": _accuracy(network, pixels, labels),
        "test accuracy": _accuracy(network, *images.testing(arm)),
        **before,
        **_gradients(network, arm, pixels, labels, AFTER),
        "loss": result.losses[-1],
        "params": count_params(network),
        "macs": count_macs(network, arm.side, arm.side),
        "epochs": arm.recipe.epochs,
        "images": len(labels),
        "test images": len(images.testing(arm)[1]),
        "seconds": round(time.monotonic() - start, 1),
        "cpu seconds": round(time.process_time() - cpu, 1),
    }


def _network(arm: Arm, classes: tuple[str, ...], pixels: np.ndarray, seed: int) -> ImageClassifier:
    mean, std = channel_statistics(pixels, np.arange(len(pixels)))
    config = ClassifierConfig(model=arm.model, classes=classes, image_size=arm.side, mean=mean, std=std)
    backbone = _seeded(arm, arm.spec, len(classes), seed)
    if getattr(arm.spec, "auxiliary", False):  # all but the auxiliary heads starts as it does without them
        plain = _seeded(arm, replace(arm.spec, auxiliary=False), len(classes), seed)
        backbone.load_state_dict(plain.state_dict(), strict=False)
    return ImageClassifier(config, backbone=backbone)


def _seeded(arm: Arm, spec: Any, num_classes: int, seed: int) -> Backbone:
    torch.manual_seed(seed)
    return anmok.create_model(arm.model, spec=spec, num_classes=num_classes)


def _accuracy(network: nn.Module, pixels: np.ndarray, labels: np.ndarray) -> float:
    order = Order(np.arange(len(labels)), batch_size=_EVALUATION_BATCH, seed=None)
    return 100 * share_correct(network, Batches(pixels, labels, order), DEVICE)


def gradient(module: str, when: str) -> str:
    """The name of a quantity."""
    return f"gradient of {module}, {when}"


def _gradients(network: ImageClassifier, arm: Arm, pixels: np.ndarray, labels: np.ndarray, when: str) -> Record:
    """Logarithms of gradient norms, of all heads' loss and of the last one's alone; the network stays as it is."""
    if not arm.gradients:
        return {}
    some = np.random.default_rng(0).permutation(len(labels))[:_GRADIENT_BATCH]
    images, wanted = torch.from_numpy(pixels[some]).float() / 255, torch.from_numpy(labels[some])
    losses = Losses(arm.recipe, distilled=False)
    norms: Record = {}
    for which, heads in (("", slice(None)), (ALONE, slice(1))):
        copy = deepcopy(network).train()
        torch.manual_seed(0)
        (losses(copy.training_logits(images)[heads], wanted, None) / len(some)).backward()
        for name in arm.gradients:
            parts = [p.grad.norm() for p in copy.backbone.get_submodule(name).parameters() if p.grad is not None]
            norms[gradient(name, when + which)] = log(float(torch.stack(parts).norm()))
    return norms
