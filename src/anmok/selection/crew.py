"""The crew that trains: a task for whoever is free, and a lost worker's task once more for another."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

from anmok.errors import TrainingError
from anmok.selection.executor import Briefing as Briefing
from anmok.selection.executor import Ended, Job
from anmok.selection.executor import Tools as Tools
from anmok.training.loop import EpochProgress

LOSSES = 3  # of workers at one task, after which it is given up


class WorkerLost(Exception):  # noqa: N818 - a message between workers and crew, which no user meets
    """A worker's process or machine is gone; says how."""


@runtime_checkable
class Worker(Protocol):
    """A process with an executor, here or elsewhere."""

    @property
    def channel(self) -> Any:
        """What an engine can wait for."""

    def begin(self, job: Job, task: Any) -> None:
        """Hand over a job, without waiting."""

    def hear(self) -> EpochProgress | Ended:
        """What the executor says next; raises `WorkerLost` when it never will."""

    def dismiss(self) -> None:
        """End the process, whatever it is doing."""


@runtime_checkable
class Engine(Protocol):
    """Where workers come from."""

    size: int

    def hire(self) -> Worker:
        """One more worker."""

    def wait(self, channels: Sequence[Any]) -> Sequence[Any]:
        """Those of the channels on which there is something to hear, as soon as there is one."""

    def close(self) -> None:
        """Leave nothing running."""


@dataclass(eq=False)
class _Errand:
    """A task on its way."""

    task: Any
    losses: int = 0


class Crew:
    """Up to `size` workers that share the decoded images; they end with this process, also when it is killed."""

    def __init__(self, engine: Engine, note: Callable[[str], None]) -> None:
        self.size = engine.size
        self._engine = engine
        self._note = note
        self._idle: list[Worker] = []

    def run(
        self, job: Job, tasks: Iterable[Any], watch: Callable[[Any, EpochProgress], None] | None = None
    ) -> Iterator[Any]:
        """Results of `job(tools, task)`, as they come; `watch` hears of every epoch of every task.

        A task is asked for when a worker is free for it, so the tasks may depend on the results before; None says
        that there is none until the next result is there. The task of a worker that is lost, as it is when memory
        runs out, is done again by another. Raises `TrainingError` when that happens to one task three times.
        """
        source, again = iter(tasks), deque[_Errand]()
        at_work: dict[Worker, _Errand] = {}
        try:
            while True:
                while len(at_work) < self.size and (errand := again.popleft() if again else _next(source)):
                    worker = self._idle.pop() if self._idle else self._engine.hire()
                    at_work[worker] = errand
                    worker.begin(job, errand.task)
                if not at_work:
                    return
                worker, end = self._listen(at_work, watch)
                if isinstance(end, WorkerLost):
                    again.append(self._lose(at_work[worker], end))
                    worker.dismiss()
                    del at_work[worker]
                else:
                    del at_work[worker]
                    self._idle.append(worker)
                    yield _result(end)
        finally:
            for worker in at_work:
                worker.dismiss()

    def _listen(
        self, at_work: Mapping[Worker, _Errand], watch: Callable[[Any, EpochProgress], None] | None
    ) -> tuple[Worker, Ended | WorkerLost]:
        """The first worker that is through with its task, or lost; what is heard until then is passed on."""
        while True:
            ready = self._engine.wait([worker.channel for worker in at_work])[0]
            worker = next(worker for worker in at_work if worker.channel is ready)
            try:
                news = worker.hear()
            except WorkerLost as loss:
                return worker, loss
            if isinstance(news, Ended):
                return worker, news
            if watch:
                watch(at_work[worker].task, news)

    def _lose(self, errand: _Errand, loss: WorkerLost) -> _Errand:
        """The errand, one loss further."""
        errand.losses += 1
        if errand.losses == LOSSES:
            raise TrainingError(
                f"A training process was ended from outside {LOSSES} times ({loss}), probably because memory ran "
                "out. Free some memory and repeat the command: it resumes where it was."
            ) from loss
        self._note(f"a worker was lost ({loss}): its task is handed out again")
        return errand

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for worker in self._idle:
            worker.dismiss()
        self._engine.close()


def _next(source: Iterator[Any]) -> _Errand | None:
    task = next(source, None)
    return None if task is None else _Errand(task)


def _result(ended: Ended) -> Any:
    if ended.error is not None:
        raise ended.error
    return ended.result
