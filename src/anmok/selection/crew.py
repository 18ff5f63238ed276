"""The processes that train: several with one thread each, which is how small networks train fastest on a CPU."""

import multiprocessing
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import torch

from anmok.errors import TrainingError
from anmok.selection.material import Material, open_material
from anmok.selection.run_directory import RunDirectory
from anmok.training.device import default_device
from anmok.training.loop import EpochProgress


class Briefing(NamedTuple):
    """What every worker is told once."""

    root: Path
    image_size: int
    classes: tuple[str, ...]


class Tools(NamedTuple):
    """What a worker hands to each job."""

    run: RunDirectory
    material: Material
    device: torch.device
    watch: Callable[[EpochProgress], None]


class Crew:
    """Workers that share the decoded images; they end with this process, also when it is killed."""

    def __init__(self, briefing: Briefing, size: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.size = size
        self._news = context.Queue()
        self._pool = ProcessPoolExecutor(size, context, initializer=_start, initargs=(briefing, self._news))

    def run(
        self,
        job: Callable[[Tools, Any], Any],
        tasks: Iterable[Any],
        watch: Callable[[Any, EpochProgress], None] | None = None,
    ) -> Iterator[Any]:
        """Results of `job(tools, task)`, as they come; `watch` hears of every epoch of every task.

        A task is asked for when a worker is free for it, so the tasks may depend on the results before; None says
        that there is none until the next result is there.
        Raises `TrainingError` when a worker is lost, as it is when memory runs out.
        """
        stop = threading.Event()
        reader = threading.Thread(target=self._read, args=(watch, stop), daemon=True)
        reader.start()
        source, at_work = iter(tasks), set[Future[Any]]()
        try:
            while True:
                while len(at_work) < self.size and (task := next(source, None)) is not None:
                    at_work.add(self._pool.submit(_work, job, task))
                if not at_work:
                    return
                done = next(as_completed(at_work))
                at_work.remove(done)
                yield done.result()
        except BrokenProcessPool as error:
            raise TrainingError(
                "A training process was ended from outside, probably because memory ran out. "
                "Free some memory and repeat the command: it resumes where it was."
            ) from error
        finally:
            for future in at_work:
                future.cancel()
            stop.set()
            reader.join()

    def _read(self, watch: Callable[[Any, EpochProgress], None] | None, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                task, progress = self._news.get(timeout=0.2)
            except queue.Empty:
                continue
            if watch:
                watch(task, progress)

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._pool.shutdown(wait=kind is None, cancel_futures=True)
        if kind is not None:  # an interrupted run must not go on training in the background
            for process in multiprocessing.active_children():
                process.terminate()


_tools: Tools | None = None  # of this worker process
_news: Any = None


def _start(briefing: Briefing, news: Any) -> None:
    global _tools, _news  # a worker process has one state, set once
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    run = RunDirectory(briefing.root)
    material = open_material(run, briefing.image_size, briefing.classes)
    _news = news
    _tools = Tools(run, material, default_device(), lambda _: None)


def _work(job: Callable[[Tools, Any], Any], task: Any) -> Any:
    if _tools is None:
        raise RuntimeError("A worker was used before it was started.")
    return job(_tools._replace(watch=lambda progress: _news.put((task, progress))), task)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
