"""Earlier data sets as experience keeps them, made without training anything."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl

from anmok.experience import Fingerprint, FinishedTrial
from anmok.experience.memory import Lesson

PHOTOS = Fingerprint(
    images=4000, classes=10, balance=1.0, side=32, colourfulness=0.13, brightness=0.48, contrast=0.2, alignment=0.02,
    spectrum_slope=3.0, edge_density=0.27, sparsity=1.7, uniformity=0.3, separability=0.32,
)  # fmt: skip
DIGITS = Fingerprint(
    images=5000, classes=10, balance=1.0, side=28, colourfulness=0.0, brightness=0.13, contrast=0.29, alignment=0.31,
    spectrum_slope=3.7, edge_density=0.26, sparsity=1.8, uniformity=0.12, separability=0.86,
)  # fmt: skip
MODELS = ("cmt_nano", "convnext_nano", "mlp_nano", "resnet_nano", "vit_nano")
TRIAL = FinishedTrial(
    run="r1", data="photos", model="resnet_nano", kind="cnn", recipe="0123456789abcdef", epochs=10,
    augmentation="flip-crop", fraction=1.0, images=640, seed=0, select_accuracy=0.8, test_accuracy=None, seconds=12.5,
    hardware="{}", versions="{}",
)  # fmt: skip


def near(fingerprint: Fingerprint, step: int) -> Fingerprint:
    """Another data set of the same character."""
    return replace(fingerprint, images=fingerprint.images + 100 * step, contrast=fingerprint.contrast + 0.004 * step)


def lesson(
    data: str, fingerprint: Fingerprint, accuracies: Mapping[str, float | Sequence[float]], *, shipped: bool = True
) -> Lesson:
    """One data set with the accuracy of each model, of one seed or of several."""
    seeds = {m: tuple(np.atleast_1d(np.asarray(a, float)).tolist()) for m, a in accuracies.items()}
    return Lesson(
        data=data, fingerprint=fingerprint, shipped=shipped, judge="test", accuracies=seeds, trials=len(seeds)
    )


def write_recorded(folder: Path, *, data_sets: int = 3, seeds: int = 2) -> None:
    """Write tables with the columns of the recorded truth: photographs and digits by turns."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    rows, described = [], []
    same = {
        "kind": "cnn", "images": 400, "epochs": 10, "epoch_best": 9, "cpu_seconds": 5.0, "seconds": 4.0,
        "select_correct": b"\xff", "test_correct": b"\xff", "hardware": "{}", "versions": "{}",
        "recipe": json.dumps({"augmentation": "crop"}),
    }  # fmt: skip
    for i in range(data_sets):
        name, fingerprint = f"set{i}", near((PHOTOS, DIGITS)[i % 2], i)
        described.append(
            {"name": name, "fingerprint": json.dumps(fingerprint.to_dict()), "n_train": fingerprint.images}
        )
        for rank, model in enumerate(MODELS if i % 2 == 0 else MODELS[::-1]):
            for fraction, seed in product((0.25, 1.0), range(seeds)):
                accuracy = 0.8 - 0.02 * rank + 0.1 * fraction + 0.001 * random.standard_normal()
                accuracies = {"select_accuracy": accuracy + 0.01, "test_accuracy": accuracy}
                rows.append({"data": name, "model": model, "fraction": fraction, "seed": seed} | accuracies | same)
    pl.DataFrame(rows).write_parquet(folder / "trials.parquet")
    pl.DataFrame(described).write_parquet(folder / "data.parquet")
