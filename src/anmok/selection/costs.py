"""What every candidate costs on this machine, measured before anything is trained."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from anmok.backbone import Kind
from anmok.catalogue import require_model
from anmok.evaluation.cost import count_macs, count_params, measure_latencies, measure_memory
from anmok.evaluation.measurements import Measurement, Scalar
from anmok.selection.crew import Crew, Tools
from anmok.selection.evidence import KIND
from anmok.selection.material import Material
from anmok.training.classifier import ImageClassifier
from anmok.training.device import default_device, resolve
from anmok.training.loop import Fit, fit
from anmok.training.recipe import Precision, Recipe

_STEPS = 6  # of training, after as many to warm up


def measure_costs(models: Sequence[str], material: Material) -> list[Measurement]:
    """Parameters, MACs, latency and memory of inference on one image; nothing else should run meanwhile."""
    device = default_device()
    side = material.pixels.shape[-1]
    image = torch.zeros(1, 3, side, side, device=device)
    networks = [ImageClassifier(material.config(model)).to(device).eval() for model in models]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        latencies = measure_latencies(networks, image)
    finally:
        torch.set_num_threads(threads)
    rows = []
    where: dict[str, Scalar] = {"image_size": side, "batch": 1, "threads": 1, "device": device.type}
    for model, network, latency in zip(models, networks, latencies, strict=True):
        kind = Measurement(
            subject=model, metric=KIND, value=1.0, note=require_model(model).architecture.kind, conditions=where
        )
        base = replace(kind, note="")
        rows += [
            kind,
            replace(base, metric="params", value=count_params(network)),
            replace(base, metric="macs", value=count_macs(network, side, side)),
            replace(base, metric="latency", value=latency.p50, high=latency.p95, n=latency.n, unit="ms"),
            replace(base, metric="memory", value=measure_memory(network, image), unit="MiB"),
        ]
    return rows


def measure_steps(crew: Crew, models: Sequence[str]) -> list[Measurement]:
    """Seconds of training per image for each model, while all workers train, as they will in the race."""
    seconds = dict(crew.run(time_steps, [StepTiming(model, choose_precision(model)) for model in models]))
    return [
        Measurement(
            subject=task.model,
            metric="seconds_per_image",
            value=value,
            unit="s",
            conditions={"workers": crew.size},
            note=task.precision,
        )
        for task, value in seconds.items()
    ]


def choose_precision(model: str) -> Precision:
    """The number format in which a model trains; a rule, not a timing, so that a seed repeats a run to the bit.

    On CPUs with native bf16, dense convolutions and attention gain 1.1 to 1.6 times from it; the many small
    operators of hybrids and MLPs gain nothing or lose.
    """
    device = default_device()
    if device.type == "cpu" and require_model(model).architecture.kind in (Kind.HYBRID, Kind.MLP):
        return Precision.FP32
    return resolve(Precision.AUTO, device)


class StepTiming(NamedTuple):
    """What is to be timed."""

    model: str
    precision: Precision
    threads: int = 1


def time_steps(tools: Tools, task: StepTiming) -> tuple[StepTiming, float]:
    """The job of a worker: a few real steps on real images; seconds per image."""
    torch.set_num_threads(task.threads)
    material = tools.material
    recipe = replace(Recipe(), epochs=2, precision=task.precision)
    rows = material.rows("train")[: _STEPS * recipe.batch_size]
    ends: list[float] = []
    fit(
        Fit(
            network=ImageClassifier(material.config(task.model)),
            train=material.training(rows, recipe, 0),
            recipe=recipe,
            device=tools.device,
            seed=0,
            on_epoch=lambda _: ends.append(time.monotonic()),
        )
    )
    return task, (ends[1] - ends[0]) / len(rows)


def choose_threads(crew: Crew, model: str, precision: Precision, cores: int) -> Measurement:
    """Whether a training alone on the machine is faster on all cores; small networks often are on one."""
    seconds = dict(crew.run(time_steps, [StepTiming(model, precision, threads) for threads in sorted({1, cores})]))
    chosen = min(seconds, key=lambda task: seconds[task])
    return Measurement(
        subject=model,
        metric="final_threads",
        value=chosen.threads,
        conditions={f"seconds_per_image_on_{task.threads}": value for task, value in seconds.items()},
    )
