"""What both engines promise, with real processes: one of them is killed in the middle of a training."""

import os
import signal
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import crew_jobs
from anmok.errors import RunDirectoryError
from anmok.evaluation.measurements import Measurements
from anmok.selection import material
from anmok.selection.crew import Crew
from anmok.selection.decide import decide
from anmok.selection.executor import Briefing, Ended, Executor
from anmok.selection.race import train_and_judge
from anmok.selection.run_directory import RunDirectory
from anmok.selection.trial import ACCURACY, Trial
from anmok.selection.workers import Workers, hire
from anmok.training.loop import EpochProgress
from crew_jobs import FIXED, VICTIM, Chore, do, fail, mark, train
from recorded_run import RACERS, Scene, build_run

CLASSES = ("a", "b", "c")


def new_run(root: Path) -> RunDirectory:
    """Images and what the models cost, but no trial."""
    racers = [replace(r, last=0.0) for r in RACERS if r.model in {t.model for t in FIXED}]
    return build_run(
        root, Scene(racers=racers, classes=CLASSES, final=False, sizes={"train": 120, "select": 60, "test": 20})
    )


def answers(table: Measurements) -> dict[str, tuple[bytes, bytes]]:
    """Every bit of what the trained models said."""
    return {
        f"{o.subject} {sorted(o.conditions.items())}": (o.predicted.tobytes(), o.true_probability.tobytes())
        for o in table.outcomes()
    }


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Measurements:
    """The fixed trainings, one after the other, in this process."""
    run = new_run(tmp_path_factory.mktemp("runs") / "alone")
    executor = Executor(Briefing(run.root, 16, CLASSES))
    with pytest.MonkeyPatch.context() as patch:
        # The shape checks hide from `inference_mode` that it decorates a generator.
        patch.setattr(material, "probabilities", torch.no_grad()(material.probabilities))
        for task in FIXED:
            *_, ended = executor.work(train_and_judge, task)
            assert isinstance(ended, Ended)
            run.measurements.append(ended.result.rows, ended.result.outcomes)
    return run.measurements


class Site:
    """A run with a crew of two, and the notes of what was lost."""

    def __init__(self, run: RunDirectory, engine: str) -> None:
        self.run = run
        self.notes: list[str] = []
        self.crew: Crew = hire(Workers(engine=engine, count=2), Briefing(run.root, 16, CLASSES), 9, self.notes.append)


@pytest.fixture(scope="module", params=["local", "ray"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if request.param == "ray":
        pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(crew_jobs.__file__).parent))  # where actors find the jobs
        found = Site(new_run(tmp_path_factory.mktemp("runs") / request.param), request.param)
    with found.crew:
        yield found


def test_all_work_at_the_same_time_on_one_thread_each_and_are_heard(site: Site) -> None:
    heard = defaultdict(list)
    chores = [Chore("a", after="b"), Chore("b", after="a"), Chore("c")]
    results = list(site.crew.run(do, chores, lambda chore, progress: heard[chore.name].append(progress.epoch)))
    assert sorted(name for name, _, _ in results) == ["a", "b", "c"]
    assert len({process for _, process, _ in results} - {os.getpid()}) == 2
    assert {threads for _, _, threads in results} == {1}
    assert heard == {name: [1, 2] for name in "abc"}


def test_an_error_of_a_job_is_raised_here_with_the_place_where_it_arose(site: Site) -> None:
    with pytest.raises(ValueError, match=r"(?s)^a cannot be done\n.*crew_jobs\.py"):
        list(site.crew.run(fail, [Chore("a")]))
    assert not site.notes


def test_a_killed_worker_changes_nothing(site: Site, alone: Measurements) -> None:
    """Its training goes on from its checkpoint; no row is missing or there twice, the decision is the same."""
    epochs = []

    def watch(task: Trial, progress: EpochProgress) -> None:
        if task != VICTIM:
            return
        epochs.append(progress.epoch)
        if epochs == [1, 2]:
            os.kill(int(mark(site.run.root, "victim").read_text()), signal.SIGKILL)

    table = site.run.measurements
    for record in site.crew.run(train, FIXED, watch):
        table.append(record.rows, record.outcomes)
    (note,) = site.notes
    assert note.startswith("a worker was lost (")
    assert epochs == [1, 2, 2, 3]
    assert len(table.rows(metric=ACCURACY)) == len(table.outcomes()) == len(FIXED)
    assert answers(table) == answers(alone)
    ours, theirs = decide(table), decide(alone)
    assert ours.tied == theirs.tied
    assert [(c.model, c.status, c.expected) for c in ours.candidates] == [
        (c.model, c.status, c.expected) for c in theirs.candidates
    ]


def test_a_worker_that_does_not_see_the_run_says_so(tmp_path: Path) -> None:
    *_, ended = Executor(Briefing(tmp_path / "elsewhere", 16, CLASSES)).work(do, Chore("a"))
    with pytest.raises(
        RunDirectoryError, match=r"does not see '.*elsewhere'\. Choose an --out on a file system that all"
    ):
        raise ended.error
