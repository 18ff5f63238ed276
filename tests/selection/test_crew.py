"""How tasks are handed out, with workers that are played here; tests of the engines have real ones."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import anmok
from anmok.errors import RequestError, TrainingError
from anmok.selection import workers
from anmok.selection.campaign import Campaign
from anmok.selection.crew import Crew, WorkerLost
from anmok.selection.executor import Ended, Job
from anmok.selection.material import open_material
from anmok.selection.observer import Silent
from anmok.selection.request import Request
from anmok.selection.select import _plan
from anmok.training.loop import EpochProgress
from recorded_run import CLASSES, RACERS, Scene, build_run

EPOCH = EpochProgress(epoch=1, epochs=1, rate=1.0, loss=1.0)


class Actor:
    """Does each task when it is heard; is lost at those that are still to be fatal."""

    def __init__(self, stage: "Stage") -> None:
        self._stage = stage
        self.channel: Any = None

    def begin(self, job: Job, task: Any) -> None:
        self._stage.log.append(f"begin {task}")
        self.channel = iter([(task, EPOCH), (task, Ended(task, None))])

    def hear(self) -> EpochProgress | Ended:
        task, news = next(self.channel)
        if isinstance(news, Ended) and self._stage.fatal.get(task, 0):
            self._stage.fatal[task] -= 1
            raise WorkerLost("signal 9")
        return news

    def dismiss(self) -> None:
        self._stage.dismissed += 1


class Stage:
    """An engine without processes; the worker that began first is heard first."""

    def __init__(self, size: int, fatal: dict[str, int] | None = None) -> None:
        self.size = size
        self.fatal = fatal or {}
        self.hired = self.dismissed = 0
        self.log: list[str] = []

    def hire(self) -> Actor:
        self.hired += 1
        return Actor(self)

    def wait(self, channels: Sequence[Any]) -> Sequence[Any]:
        return channels[:1]

    def close(self) -> None:
        self.log.append("closed")


def job(tools: Any, task: Any) -> Any:
    raise NotImplementedError  # nobody does it


def test_a_task_is_asked_for_when_a_worker_is_free_and_may_depend_on_the_results_before() -> None:
    stage = Stage(size=2)
    done: list[str] = []

    def tasks() -> Iterator[str | None]:
        yield "a"
        yield None  # the next depends on this one
        yield f"after {done[0]}"
        yield "c"

    with Crew(stage, print) as crew:
        for result in crew.run(job, tasks()):
            stage.log.append(f"end {result}")
            done.append(result)
    assert stage.log == ["begin a", "end a", "begin after a", "begin c", "end after a", "end c", "closed"]
    assert stage.hired == stage.dismissed == 2  # no more than are needed at a time


def test_the_task_of_a_lost_worker_is_done_by_another_before_all_others() -> None:
    stage = Stage(size=1, fatal={"a": 2})
    notes: list[str] = []
    heard: list[str] = []
    with Crew(stage, notes.append) as crew:
        assert list(crew.run(job, ["a", "b"], lambda task, _: heard.append(task))) == ["a", "b"]
    assert stage.log == ["begin a"] * 3 + ["begin b", "closed"]
    assert heard == ["a", "a", "a", "b"]
    assert notes == ["a worker was lost (signal 9): its task is handed out again"] * 2
    assert stage.hired == stage.dismissed == 3


def test_a_task_that_loses_its_worker_three_times_is_given_up() -> None:
    stage = Stage(size=2, fatal={"a": 3})
    with Crew(stage, lambda _: None) as crew, pytest.raises(TrainingError) as error:
        list(crew.run(job, ["a", "b", "c", "d", "e", "f"]))
    assert str(error.value) == (
        "A training process was ended from outside 3 times (signal 9), probably because memory ran out. "
        "Free some memory and repeat the command: it resumes where it was."
    )
    assert stage.hired == stage.dismissed


def test_a_crew_that_is_no_longer_listened_to_leaves_nobody_at_work() -> None:
    stage = Stage(size=2)
    with Crew(stage, print) as crew:
        results = crew.run(job, ["a", "b"])
        assert next(results) == "a"
        results.close()
        assert stage.dismissed == 1
    assert stage.dismissed == stage.hired == 2


def test_a_run_that_is_resumed_with_other_workers_keeps_its_plan(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run", Scene())
    planned = int(run.measurements.rows(metric="seconds_per_image")[-1].conditions["workers"])
    campaign = Campaign(Request(data="photos", budget=600), run, Silent())
    material = open_material(run, 16, CLASSES)
    models = [racer.model for racer in RACERS]
    plans = [_plan(Crew(Stage(size), print), models, material, campaign) for size in (planned, 8 * planned)]
    assert plans[0] == plans[1]
    assert plans[0][0].workers == planned


def test_what_cannot_be_hired_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RequestError, match=r"^--workers must be at least 1: got 0\.$"):
        anmok.select("photos", workers=0)
    with pytest.raises(RequestError, match=r"^No engine is called 'rey'\. Choose local or ray for --engine\.$"):
        anmok.select("photos", engine="rey")
    monkeypatch.setattr(workers, "find_spec", lambda _: None)
    with pytest.raises(RequestError, match=r"^--engine ray needs Ray, .*: pip install 'anmok\[ray\]'\.$"):
        anmok.select("photos", engine="ray")
