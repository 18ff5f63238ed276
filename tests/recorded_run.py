"""Run directories as a selection leaves them, made without training anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from anmok.backbone import Kind
from anmok.data import write_splits
from anmok.evaluation.measurements import Measurement, Outcome
from anmok.evaluation.metrics import accuracy
from anmok.selection.objectives import read_objective, request_rows, with_scores
from anmok.selection.request import Request
from anmok.selection.run_directory import RunDirectory

SIZES = {"train": 640, "select": 160, "test": 200}
CLASSES = ("bag", "boot", "coat", "dress", "pullover", "sandal", "shirt", "sneaker", "top", "trouser")


@dataclass(frozen=True)
class Racer:
    """A model with a true learning curve: accuracy = 1 - floor - fall * images^-exponent."""

    model: str
    kind: Kind
    floor: float
    fall: float
    exponent: float
    latency: float  # ms
    params: float
    last: float = 1.0  # fraction of the train split at which it stops


RACERS = (
    Racer("cmt_nano", Kind.HYBRID, 0.06, 2.2, 0.42, 2.31, 1.02e6),
    Racer("convnext_nano", Kind.CNN, 0.07, 2.0, 0.42, 1.74, 0.98e6),
    Racer("resnet_nano", Kind.CNN, 0.08, 1.8, 0.42, 0.92, 1.05e6),
    Racer("swin_nano", Kind.TRANSFORMER, 0.08, 3.2, 0.42, 3.4, 1.1e6),
    Racer("vit_nano", Kind.TRANSFORMER, 0.1, 3.2, 0.4, 1.21, 0.95e6, last=0.5),
    Racer("mlp_nano", Kind.MLP, 0.17, 1.5, 0.4, 0.11, 1.0e6, last=0.25),
)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What the run is about; the defaults make a usual one."""

    racers: Sequence[Racer] = RACERS
    classes: Sequence[str] = CLASSES
    final: bool = True
    side: int = 16
    data: str = "photos"
    sizes: dict[str, int] | None = None
    max_latency: float | None = None
    objective: str | None = None
    prefer: str | None = None

    @property
    def counts(self) -> dict[str, int]:
        return self.sizes or SIZES


def build_run(root: Path, scene: Scene, pixels: np.ndarray | None = None) -> RunDirectory:
    """Write everything that `select` writes, except weights."""
    root.mkdir(parents=True)
    run = RunDirectory(root)
    request = Request(
        data=scene.data, max_latency=scene.max_latency, budget=600.0, objective=scene.objective, prefer=scene.prefer
    )
    request.write(run.request)
    splits = [name for name, n in scene.counts.items() for _ in range(n)]
    labels = np.arange(len(splits), dtype=np.int32) % len(scene.classes)
    paths = [f"{s}/{scene.classes[k]}/{i:05}.png" for i, (s, k) in enumerate(zip(splits, labels, strict=True))]
    table = {"id": range(len(splits)), "path": paths, "label": labels, "split": splits, "group": [None] * len(splits)}
    schema = {"id": pl.Int64, "path": pl.String, "label": pl.Int64, "split": pl.String, "group": pl.String}
    write_splits(pl.DataFrame(table, schema=schema), run.splits)
    random = np.random.default_rng(0)
    if pixels is None:
        pixels = random.integers(0, 256, (len(splits), 3, scene.side, scene.side), dtype=np.uint8)
    run.pixels(scene.side).parent.mkdir()
    np.save(run.pixels(scene.side), pixels)

    run.measurements.append([*_data_rows(scene), *_cost_rows(scene), *request_rows(request, scene.classes)])
    difficulty = random.random(len(splits))
    for racer in scene.racers:
        for fraction in (1 / 8, 1 / 4, 1 / 2, 1.0):
            if fraction <= racer.last:
                _append_trial(run, scene, racer, fraction, difficulty)
    if scene.final:
        _append_final(run, scene, difficulty)
    return run


def _data_rows(scene: Scene) -> list[Measurement]:
    rows = [Measurement(subject="data", metric=f"{name}_images", value=n) for name, n in scene.counts.items()]
    select = scene.counts["select"]
    found = (
        ("warning", "12 images are near duplicates, in 6 groups (largest 2); each group is kept in one split."),
        ("info", f"{sum(scene.counts.values()):,} readable images in {len(scene.classes)} classes."),
    )
    rows += [
        Measurement(subject="data", metric="image_size", value=scene.side, unit="pixels"),
        Measurement(
            subject="data", metric="resolvable_difference", value=200 * (0.1 / select) ** 0.5, unit="points", n=select
        ),
        Measurement(subject="run", metric="preparation_seconds", value=12.0, unit="s"),
        Measurement(subject="run", metric="plan_epochs", value=10),
        Measurement(subject="run", metric="plan_forecast_seconds", value=300.0, unit="s"),
    ]
    rows += [Measurement(subject="data", metric="class", value=i, note=name) for i, name in enumerate(scene.classes)]
    return rows + [
        Measurement(subject="data", metric="finding", value=1.0, note=t, conditions={"severity": s}) for s, t in found
    ]


def _cost_rows(scene: Scene) -> list[Measurement]:
    rows = []
    for racer in (*scene.racers, Racer("swin_tiny", Kind.TRANSFORMER, 0, 0, 0, 41.0, 28e6)):
        rows += [
            Measurement(subject=racer.model, metric="kind", value=1.0, note=racer.kind),
            Measurement(subject=racer.model, metric="params", value=racer.params),
            Measurement(subject=racer.model, metric="macs", value=40 * racer.params),
            Measurement(
                subject=racer.model, metric="latency", value=racer.latency, high=1.2 * racer.latency, n=60, unit="ms"
            ),
            Measurement(subject=racer.model, metric="memory", value=4 + racer.params / 2e5, unit="MiB"),
        ]
        if racer.fall:
            common: dict[str, Any] = {"unit": "s", "conditions": {"workers": 2}, "note": "fp32"}
            rows.append(
                Measurement(subject=racer.model, metric="seconds_per_image", value=racer.latency / 2e3, **common)
            )
    return [*rows, Measurement(subject="swin_tiny", metric="excluded", value=1.0, note="latency 41 ms > 4 ms")]


def _append_trial(run: RunDirectory, scene: Scene, racer: Racer, fraction: float, difficulty: np.ndarray) -> None:
    images = int(fraction * scene.counts["train"])
    conditions = {"stage": "race", "fraction": fraction, "epochs": 10, "precision": "fp32"}
    outcome = _answers(scene, racer, images, "select", conditions, difficulty)
    share = accuracy(outcome.correct)
    common: dict[str, Any] = {"subject": racer.model, "seed": 0, "conditions": conditions | {"images": images}}
    interval = {"low": share.low, "high": share.high, "n": share.n}
    rows = [
        Measurement(metric="select_accuracy", value=share.value, unit="share", **interval, **common),
        Measurement(metric="train_seconds", value=racer.latency * images / 160, unit="s", **common),
    ]
    if fraction == racer.last < 1:
        note = "chance of 1.2% to come within one point of the best at full data; expected there: 70.0 %"
        rows.append(Measurement(subject=racer.model, metric="dropped", value=0.012, conditions=conditions, note=note))
    _append(run, rows, outcome)


def _append(run: RunDirectory, rows: list[Measurement], outcome: Outcome) -> None:
    objective = read_objective(run.measurements)
    run.measurements.append(with_scores(rows, [outcome], objective), [outcome])


def _append_final(run: RunDirectory, scene: Scene, difficulty: np.ndarray) -> None:
    from anmok.selection.decide import decide

    winner = decide(run.measurements).winner
    racer = next(r for r in scene.racers if r.model == winner)
    images = scene.counts["train"] + scene.counts["select"]
    conditions = {"stage": "final", "epochs": 20, "precision": "fp32"}
    outcome = _answers(scene, racer, images, "test", conditions, difficulty)
    share = accuracy(outcome.correct)
    common: dict[str, Any] = {"subject": winner, "seed": 0, "conditions": conditions | {"images": images}}
    interval = {"low": share.low, "high": share.high, "n": share.n}
    rows = [
        Measurement(metric="train_seconds", value=41.0, unit="s", **common),
        Measurement(metric="test_accuracy", value=share.value, unit="share", **interval, **common),
    ]
    _append(run, rows, outcome)


def _answers(scene: Scene, racer: Racer, images: int, split: str, conditions: Any, difficulty: np.ndarray) -> Outcome:
    """Hard images are hard for all models; wrong answers are mostly the next class but one."""
    start = sum(n for name, n in list(scene.counts.items())[: list(scene.counts).index(split)])
    ids = np.arange(start, start + scene.counts[split], dtype=np.int32)
    random = np.random.default_rng([len(racer.model), images, start])
    labels = (ids % len(scene.classes)).astype(np.int32)
    chance = max(0.1, 1 - racer.floor - racer.fall * images**-racer.exponent)
    wrong = 0.8 * difficulty[ids] + 0.2 * random.random(len(ids)) > np.quantile(difficulty[ids], chance)
    step = np.where(random.random(len(ids)) < 0.7, 4, random.integers(1, len(scene.classes), len(ids)))
    predicted = np.where(wrong, (labels + step) % len(scene.classes), labels).astype(np.int32)
    confidence = (0.5 + 0.5 * random.random(len(ids))).astype(np.float32)
    true = np.where(predicted == labels, confidence, 1 - confidence).astype(np.float32)
    return Outcome(
        subject=racer.model,
        split=split,
        conditions=conditions,
        ids=ids,
        labels=labels,
        predicted=predicted,
        confidence=confidence,
        true_probability=true,
    )
