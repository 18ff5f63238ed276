"""The trained table: what a component learns from few samples, and whether it holds elsewhere and for more entities.

The protocol is the same for all: about as many parameters, AdamW on a one-cycle schedule, batches of 32. One task has
a learning curve too, whose area says how much a bias is worth in samples.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

import torch
from torch import Generator, nn

from anmok.biases.entities import Component, as_seen
from anmok.biases.fitting import PARAMS, Answers, build, fit, fit_width, one_thread, score
from anmok.biases.learning_curve import efficiency, found_accuracy
from anmok.biases.tasks import MOTIF, Samples, Task
from anmok.catalogue.makers import FAULTS, reason
from anmok.probes import Metric, ProbeResult

CURVE = (64, 256, 1024)  # samples of motif; the last is what it is trained on in the table
_TEST, _BATCH = 1000, 32
_SPLIT_SEEDS = {"train": 1, "id": 2, "ood": 3, "long": 4}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training, and all that it is tested on."""

    component: Component
    task: Task
    train: int  # samples
    seed: int


def trained_metrics(task: Task, train: int) -> tuple[Metric, ...]:
    """The accuracy on each split of a task."""
    return tuple(
        Metric(
            f"{task.name} {split}",
            f"accuracy on {task.about}; {split}, {train} training samples, {_BATCH} x {task.steps} steps, "
            f"{PARAMS} parameters, {_TEST} test samples, version 1",
            "",
        )
        for split in task.splits
    )


EFFICIENCY = Metric(
    "ALC",
    f"area under (accuracy - chance) / (1 - chance) over log samples, {MOTIF.name} id, "
    f"{', '.join(map(str, CURVE))} samples, {MOTIF.steps} steps, version 1",
    "",
)


def train_and_test(run: Run) -> tuple[ProbeResult, ...]:
    """Accuracies of one run on its task's splits, with bootstrap intervals over test samples; deterministic."""
    metrics = trained_metrics(run.task, run.train)
    try:
        with one_thread():
            return _train_and_test(run, metrics)
    except FAULTS as error:
        return tuple(metric.missing(reason(error)) for metric in metrics)


def _train_and_test(run: Run, metrics: Sequence[Metric]) -> tuple[ProbeResult, ...]:
    samples = _draw(run, "train", run.train)
    entities = run.task.entities(samples)
    network = build(run.component, entities, fit_width(run.component, entities), run.seed)
    _check(network, samples, entities.answer)
    fit(network, _answers(network, samples), samples.labels, steps=run.task.steps, batch=_BATCH, seed=run.seed)
    results = []
    for metric, split in zip(metrics, run.task.splits, strict=True):
        test = _draw(run, split, _TEST)
        try:
            if test.x.shape[2] != entities.c:
                raise ValueError(f"reads {test.x.shape[2]} features, and was made for {entities.c}")
            results.append(found_accuracy(metric, score(_answers(network, test), test.labels).numpy()))
        except FAULTS as error:
            results.append(metric.missing(reason(error)))
    return tuple(results)


def _draw(run: Run, split: str, count: int) -> Samples:
    generator = Generator().manual_seed(1000 * run.seed + _SPLIT_SEEDS[split])
    samples = run.task.draw(count, split, generator)
    x, adjacency = as_seen(run.component, samples.x, samples.adjacency)
    return Samples(x, samples.labels, adjacency)


def _answers(network: nn.Module, samples: Samples) -> Answers:
    def answer(picked: torch.Tensor) -> torch.Tensor:
        return network(samples.x[picked], None if samples.adjacency is None else samples.adjacency[picked])

    return answer


def _check(network: nn.Module, samples: Samples, expected: tuple[int, ...]) -> None:
    with torch.no_grad():
        found = tuple(_answers(network, samples)(torch.arange(2)).shape)
    if found != (2, *expected):
        raise ValueError(f"it must answer {(2, *expected)} when given {tuple(samples.x[:2].shape)}: got {found}")


def trained(
    components: Sequence[Component],
    tasks: Sequence[Task],
    *,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int, int, str], None] = lambda *done: None,
) -> dict[str, tuple[ProbeResult, ...]]:
    """Each component's accuracies, task by task, and where motif is among the tasks, the area under its curve.

    Several workers are processes, and components are then pickled. The results do not depend on how many.
    """
    sizes = [(task, train) for task in tasks for train in (CURVE if task.name == MOTIF.name else (task.train,))]
    runs = [Run(component=c, task=task, train=train, seed=seed) for c in components for task, train in sizes]
    results: dict[Run, tuple[ProbeResult, ...]] = {}
    for run, found in _each(runs, workers):
        results[run] = found
        progress(len(results), len(runs), f"{run.component.name}: {run.task.name}")
    return {c.name: _row([(run, results[run]) for run in runs if run.component == c]) for c in components}


def _row(found: Sequence[tuple[Run, tuple[ProbeResult, ...]]]) -> tuple[ProbeResult, ...]:
    table = [result for run, results in found if run.train == run.task.train for result in results]
    curve = [results[0] for run, results in found if run.task.name == MOTIF.name]
    return (*table, efficiency(EFFICIENCY, CURVE, curve, 1 / MOTIF.classes)) if curve else tuple(table)


def _each(runs: Sequence[Run], workers: int) -> Iterator[tuple[Run, tuple[ProbeResult, ...]]]:
    if workers < 2:
        yield from ((run, train_and_test(run)) for run in runs)
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        at_work = {pool.submit(train_and_test, run): run for run in runs}
        for done in as_completed(at_work):
            yield at_work[done], done.result()
    finally:
        pool.shutdown(cancel_futures=True)
