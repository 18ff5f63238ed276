"""What every candidate costs, measured before anything is trained."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from anmok.backbone import Kind
from anmok.catalogue import require_model, split_tag
from anmok.evaluation.cost import count_macs, count_params
from anmok.evaluation.device_costs import MACHINE
from anmok.evaluation.measurements import Measurement, Scalar
from anmok.selection.crew import Crew, Tools
from anmok.selection.evidence import KIND
from anmok.selection.meter import Meter, blank
from anmok.selection.segment_material import AnyMaterial
from anmok.training.device import default_device, resolve
from anmok.training.loop import Fit, fit
from anmok.training.recipe import Precision, Recipe

_STEPS = 6  # of training, after as many to warm up


def measure_costs(models: Sequence[str], material: AnyMaterial, meter: Meter) -> list[Measurement]:
    """Parameters and MACs, and what the meter tells: latency, memory, energy. Nothing else should run meanwhile."""
    side = material.side
    networks = {model: material.fresh(model).eval() for model in models}
    size: dict[str, Scalar] = {"image_size": side}
    where = size | meter.device.conditions | ({MACHINE: meter.machine} if meter.machine else {})
    rows = []
    readings = meter(networks, blank(side))
    for (model, network), (latency, memory, energy) in zip(networks.items(), readings, strict=True):
        kind = Measurement(subject=model, metric=KIND, value=1.0, note=_kind(model), conditions=size)
        base = replace(kind, note="")
        read = replace(base, conditions=where)
        rows += [
            kind,
            replace(base, metric="params", value=count_params(network)),
            replace(base, metric="macs", value=count_macs(network, side, side)),
            replace(read, metric="latency", value=latency.p50, high=latency.p95, n=latency.n, unit="ms"),
            replace(read, metric="memory", value=memory, unit="MiB"),
        ]
        if energy is not None:
            rows.append(replace(read, metric="energy", value=energy, unit="mJ"))
    return rows


def measure_steps(crew: Crew, models: Sequence[str], recipe: Recipe) -> list[Measurement]:
    """Seconds of training per image for each model, while all workers train, as they will in the race."""
    recipes = {model: recipe.changed({"precision": choose_precision(model)}) for model in models}
    seconds = dict(crew.run(time_steps, [StepTiming(model, recipes[model]) for model in models]))
    return [
        Measurement(
            subject=task.model,
            metric="seconds_per_image",
            value=value,
            unit="s",
            conditions={"workers": crew.size},
            note=task.recipe.precision,
        )
        for task, value in seconds.items()
    ]


def choose_precision(model: str) -> Precision:
    """The number format in which a model trains; a rule, not a timing, so that a seed repeats a run to the bit.

    On CPUs with native bf16, dense convolutions and attention gain 1.1 to 1.6 times from it; the many small
    operators of hybrids and MLPs gain nothing or lose.
    """
    device = default_device()
    if device.type == "cpu" and _kind(model) in (Kind.HYBRID, Kind.MLP):
        return Precision.FP32
    return resolve(Precision.AUTO, device)


def _kind(model: str) -> Kind:
    return require_model(split_tag(model)[0]).architecture.kind


class StepTiming(NamedTuple):
    """What is to be timed."""

    model: str
    recipe: Recipe
    threads: int = 1


def time_steps(tools: Tools, task: StepTiming) -> tuple[StepTiming, float]:
    """The job of a worker: a few real steps on real images; seconds per image."""
    torch.set_num_threads(task.threads)
    material = tools.material
    recipe = task.recipe.changed({"epochs": 2})
    rows = material.rows("train")[: _STEPS * recipe.batch_size]
    ends: list[float] = []
    fit(
        Fit(
            network=material.network(task.model),
            task=material.task,
            train=material.training(rows, recipe, 0),
            recipe=recipe,
            device=tools.device,
            seed=0,
            on_epoch=lambda _: ends.append(time.monotonic()),
        )
    )
    return task, (ends[1] - ends[0]) / len(rows)


def choose_threads(crew: Crew, model: str, recipe: Recipe, cores: int) -> Measurement:
    """Whether a training alone on the machine is faster on all cores; small networks often are on one."""
    seconds = dict(crew.run(time_steps, [StepTiming(model, recipe, threads) for threads in sorted({1, cores})]))
    chosen = min(seconds, key=lambda task: seconds[task])
    return Measurement(
        subject=model,
        metric="final_threads",
        value=chosen.threads,
        conditions={f"seconds_per_image_on_{task.threads}": value for task, value in seconds.items()},
    )
