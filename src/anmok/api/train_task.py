"""The training behind `anmok train` for all that is not one class for an image."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from anmok.api.train_job import TrainJob
from anmok.backbone import Task
from anmok.data import Split
from anmok.data.imagedata import SPLITS
from anmok.evaluation.measurements import Measurement
from anmok.report import write_task_report
from anmok.report.task_page import SELECT_SCORE, TRAIN_LOSS, TRAIN_SECONDS
from anmok.selection.prepare import finding_rows
from anmok.tasks import Problem, Tested, find_task
from anmok.tasks.section import write_sections
from anmok.tasks.trained import TaskNetwork
from anmok.training.classifier import CONFIG
from anmok.training.distributed import is_first, wait_for_all
from anmok.training.job import Fit, FitResult
from anmok.training.loop import fit
from anmok.training.pretrained import Source, weights_of
from anmok.training.recipes import recipe_toml


def train_on_task(job: TrainJob, task: Task, data: Path, pretrained: Source) -> None:
    """Read, split, train, test, save and report; what the run directory holds already is not done again."""
    if not (job.run.best / CONFIG).exists():
        problem = _open(job, task, data)
        wait_for_all()
        _train(job, task, problem, pretrained)
    if is_first():
        job.observer.stage("Report")
        job.observer.note(f"report: {write_task_report(job.run)}")


def _open(job: TrainJob, task: Task, data: Path) -> Problem:
    """Audit the data and write its splits down, or check that they are those of the beginning."""
    job.observer.stage("Audit")
    problem = find_task(task).open(data, job.request.seed)
    if not is_first():
        return problem
    for finding in problem.findings():
        job.observer.note(f"{finding.severity}: {finding.text}")
    job.run.keep_splits(problem.splits, data)
    table = job.run.measurements
    if not table.rows(subject="data"):
        table.append([*_split_rows(problem), *finding_rows(problem.findings())])
    return problem


def _train(job: TrainJob, task: Task, problem: Problem, pretrained: Source) -> None:
    recipe, seed = job.request.recipe, job.request.seed
    torch.manual_seed(seed)
    network = find_task(task).build(job.request.model, problem.config(), recipe, weights_of(pretrained))
    learned: tuple[Split, ...] = ("train",) if recipe.evaluations else ("train", "select")
    training = Fit(
        network=network,
        task=problem.training_task,
        train=problem.batches(*learned, recipe=recipe, seed=seed),
        recipe=recipe,
        device=job.device,
        seed=seed,
        select=problem.batches("select", recipe=recipe, seed=None) if recipe.evaluations else None,
        checkpoint=job.run.checkpoint("train", "last"),
        shard=job.shard,
        on_epoch=job.on_epoch(problem.training_task.measure),
        on_step=lambda done, total: job.observer.progress(done, total, ""),
    )
    training = replace(training, recipe=job.settle(training))
    job.observer.stage(f"Training {job.request.model}")
    result = fit(training)
    job.observer.stage("Test")
    tested = problem.test(network.to(job.device).eval(), "test", job.device)
    if is_first():
        _keep(job, task, training, problem.config(), [*_course(result), *tested.rows], tested)


def _course(result: FitResult) -> Iterator[Measurement]:
    """How the training went."""
    yield Measurement(subject="", metric=TRAIN_SECONDS, value=result.seconds, unit="s")
    for epoch, loss in enumerate(result.losses, start=1):
        yield Measurement(subject="", metric=TRAIN_LOSS, value=loss, unit="nats", conditions={"epoch": epoch})
    for epoch, score in result.scores.items():
        yield Measurement(subject="", metric=SELECT_SCORE, value=score, conditions={"epoch": epoch})


def _keep(
    job: TrainJob, task: Task, training: Fit, config: dict[str, Any], rows: Sequence[Measurement], tested: Tested
) -> None:
    request, run = job.request, job.run
    facts = {
        "data": request.data,
        "recipe": asdict(training.recipe),
        "seed": request.seed,
        "pretrained": request.pretrained,
        "test": {row.metric: row.value for row in tested.rows},
    }
    stage = {"stage": "train", "task": str(task)}
    run.measurements.append(
        replace(row, subject=request.model, seed=request.seed, conditions=stage | dict(row.conditions)) for row in rows
    )
    run.best.mkdir(exist_ok=True)
    (run.best / "recipe.toml").write_text(recipe_toml(training.recipe), encoding="utf-8")
    write_sections(tested.sections, run.best)
    TaskNetwork(task=task, model=request.model, config=config, network=training.network, facts=facts).save(run.best)


def _split_rows(problem: Problem) -> list[Measurement]:
    counts = {split: len(problem.rows(split)) for split in SPLITS}
    return [Measurement(subject="data", metric=f"{split}_examples", value=n) for split, n in counts.items()]
