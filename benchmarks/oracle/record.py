"""Train every model of a small zoo fully on several data sets and write down all that a selection could ask for.

    OMP_NUM_THREADS=1 python benchmarks/oracle/record.py work/ cifar10=photos/cifar10 dtd10=photos/dtd10 ...
    python benchmarks/oracle/pack.py work/ src/anmok/experience/recorded cifar10=photos/cifar10 ...

Each finished training is one file in the work folder, so that a killed recording loses one training and the same
command goes on; any number of workers may run it at once, on a CPU with one thread each or several on one accelerator.
The order keeps the table rectangular: seed by seed, model by model, over all data sets and fractions. `sets.toml`
describes the data sets.
"""

import argparse
import json
import os
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock, Timeout
from material import SIDE, Images, Source, open_images, read_sources

import anmok  # noqa: F401 before torch: it keeps OpenMP from spinning

import torch  # isort: skip

from anmok.catalogue import require_model  # isort: skip
from anmok.data import WHOLE, Batch, Batches, Order, Part, nested_fraction
from anmok.data.atomic import written_whole
from anmok.evaluation.environment import describe_hardware, describe_versions
from anmok.selection.costs import choose_precision
from anmok.selection.plan import FRACTIONS, epochs_at
from anmok.training.classifier import ClassifierConfig, ImageClassifier
from anmok.training.device import default_device
from anmok.training.image_classification import ImageClassification
from anmok.training.inference import probabilities, share_correct
from anmok.training.loop import EpochProgress, Fit, fit
from anmok.training.recipe import Precision, Recipe

EPOCHS = 16  # at the full train split
LOOKS = 8  # at the select split in a training on a part of the data; on all of it, one an epoch
EVALUATED = 100  # images at a time
LEAST = 3  # images of a class on average, without which a fraction is not recorded
SEEDS = (0, 1, 2)
DEVICE = default_device()

# Four of each kind and an MLP, about a million parameters each; the cheapest to train first.
MODELS = (
    *("mlp_nano", "vgg_nano", "resnet_nano", "convnext_anmok_nano", "mobilenetv3_nano"),
    *("cvt_nano", "coatnet_nano", "cmt_nano", "vit_hybrid_nano"),
    *("swin_nano", "convit_nano", "vit_nano", "deit_nano"),
)


class Task(NamedTuple):
    """One training."""

    seed: int
    model: str
    source: Source
    fraction: float

    def path(self, work: Path) -> Path:
        return work / "trials" / self.source.name / f"{self.model}-{self.fraction:.4f}-{self.seed}.json"


class Clock:
    """Process CPU seconds and wall seconds of the training alone."""

    def __init__(self) -> None:
        self._start, self._out = _now(), np.zeros(2)

    def read(self) -> tuple[float, float]:
        cpu, wall = _now() - self._start - self._out
        return round(float(cpu), 4), round(float(wall), 4)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """While something that is not training is done."""
        before = _now()
        yield
        self._out += _now() - before


class Unclocked(NamedTuple):
    """A split whose evaluation is not training."""

    batches: Batches
    clock: Clock

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, number: int, *, start: int = 0, part: Part = WHOLE) -> Iterator[Batch]:
        with self.clock.stopped():  # from the first batch asked for until the last one is used
            yield from self.batches.epoch(number, start=start, part=part)


def _now() -> np.ndarray:
    return np.array((time.process_time(), time.monotonic()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("data", nargs="+", metavar="name=folder")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--max-load", type=float, default=float("inf"), help="wait while the machine is busier")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for task in tasks(arguments):
        path = task.path(arguments.work)
        if path.exists():
            continue
        while os.getloadavg()[0] > arguments.max_load:
            time.sleep(5)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(path.with_suffix(".lock"), timeout=0):
                if not path.exists():
                    work_on(task, path, arguments.work)
        except Timeout:
            continue  # another worker trains it


def tasks(arguments: argparse.Namespace) -> Iterator[Task]:
    """All trainings, in the order of the recording."""
    sources = read_sources(arguments.data)
    fractions = {source.name: _recorded(open_images(source, arguments.work)) for source in sources}
    for seed in arguments.seeds:
        for model in arguments.models:
            for source in sources:
                for fraction in fractions[source.name]:
                    yield Task(seed, model, source, fraction)


def _recorded(images: Images) -> list[float]:
    """The fractions with enough images."""
    train = images.rows("train")
    counts = {f: len(nested_fraction(train, images.labels[train], f, 0)) for f in FRACTIONS}
    return [f for f in FRACTIONS if counts[f] >= LEAST * len(images.classes)]


def work_on(task: Task, path: Path, work: Path) -> None:
    images = open_images(task.source, work)
    row = record(task, images)
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(row))
    print(
        f"{time.strftime('%H:%M')} seed {task.seed} {task.model} {task.source.name} {task.fraction:.4f}: "
        f"{100 * row['select_accuracy']:.1f} % select, {100 * row['test_accuracy']:.1f} % test, "
        f"{row['cpu_seconds']:.1f} s",
        flush=True,
    )


def record(task: Task, images: Images) -> dict[str, Any]:
    """Train once, watching the select split as a race does; without an early stop, so that the curve is whole."""
    recipe = Recipe(
        epochs=epochs_at(task.fraction, EPOCHS),
        evaluations=EPOCHS if task.fraction == 1 else LOOKS,
        patience=EPOCHS,
        precision=choose_precision(task.model),
        augmentation=task.source.augmentation,
    )
    _warm_up(task.model, recipe.precision)
    torch.manual_seed(task.seed)
    network = ImageClassifier(images.config(task.model))
    train = images.rows("train")
    rows = nested_fraction(train, images.labels[train], task.fraction, task.seed).astype(np.int32)
    select, test = (
        Batches(images.pixels, images.labels, Order(images.rows(split), batch_size=EVALUATED, seed=None))
        for split in ("select", "test")
    )
    clock, epochs = Clock(), []

    def look(progress: EpochProgress) -> None:
        seen = None
        if task.fraction == 1:
            with clock.stopped():
                seen = share_correct(network, test, DEVICE)
        if progress.score is not None:
            epochs.append((progress.epoch, progress.score, seen, clock.read()[0]))

    job = Fit(
        network=network,
        task=ImageClassification(),
        train=Batches(images.pixels, images.labels, Order(rows, batch_size=recipe.batch_size, seed=task.seed)),
        recipe=recipe,
        device=DEVICE,
        seed=task.seed,
        select=Unclocked(select, clock),
        on_epoch=look,
    )
    result = fit(job)
    cpu, wall = clock.read()
    answers = {name: _correct(network, batches, images, name) for name, batches in (("select", select), ("test", test))}
    return {
        "data": task.source.name,
        "model": task.model,
        "kind": str(require_model(task.model).architecture.kind),
        "fraction": task.fraction,
        "images": len(rows),
        "seed": task.seed,
        "epochs": recipe.epochs,
        "epoch_best": result.best_epoch,
        **{f"{name}_accuracy": float(correct.mean()) for name, correct in answers.items()},
        "cpu_seconds": cpu,
        "seconds": wall,
        **{f"{name}_correct": b64encode(np.packbits(c).tobytes()).decode() for name, c in answers.items()},
        "hardware": describe_hardware(),
        "versions": describe_versions(),
        "recipe": vars(recipe),
        "epoch_rows": epochs,
    }


@cache
def _warm_up(model: str, precision: Precision) -> None:
    """What a process does once for a model: it belongs to no training."""
    pixels = np.zeros((2 * Recipe().batch_size, 3, SIDE, SIDE), np.uint8)
    rows = np.arange(len(pixels), dtype=np.int32)
    config = ClassifierConfig(model=model, classes=("a", "b"), image_size=SIDE, mean=(0.5,) * 3, std=(0.25,) * 3)
    batches = Batches(pixels, rows % 2, Order(rows, batch_size=Recipe().batch_size, seed=0))
    fit(
        Fit(
            network=ImageClassifier(config),
            task=ImageClassification(),
            train=batches,
            recipe=Recipe(epochs=1, precision=precision),
            device=DEVICE,
            seed=0,
        )
    )


def _correct(network: ImageClassifier, batches: Batches, images: Images, split: str) -> np.ndarray:
    return probabilities(network, batches, DEVICE).argmax(1) == images.labels[images.rows(split)]


if __name__ == "__main__":
    main()
