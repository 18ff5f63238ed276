"""What stands in a worker's process, wherever it runs."""

import platform
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from traceback import format_exception
from typing import Any, NamedTuple, TypeAlias

import torch

from anmok.errors import RunDirectoryError
from anmok.selection.material import open_material
from anmok.selection.run_directory import RunDirectory
from anmok.selection.segment_material import AnyMaterial, open_segment_material
from anmok.training.device import default_device
from anmok.training.loop import EpochProgress


class Briefing(NamedTuple):
    """What every worker is told once."""

    root: Path  # of the run directory
    image_size: int
    classes: tuple[str, ...]
    masks: Path | None = None  # where the images lie, if their pixels have classes


class Tools(NamedTuple):
    """What a worker hands to each job."""

    run: RunDirectory
    material: AnyMaterial
    device: torch.device
    watch: Callable[[EpochProgress], None]


Job: TypeAlias = Callable[[Tools, Any], Any]


class Ended(NamedTuple):
    """How a job came out."""

    result: Any
    error: BaseException | None


class Executor:
    """The images, and a thread that does one job after the other."""

    def __init__(self, briefing: Briefing) -> None:
        self._briefing = briefing
        # One CPU thread each is how small networks train fastest.
        self._thread = ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,))

    def work(self, job: Job, task: Any) -> Iterator[EpochProgress | Ended]:
        """What is heard of a job: every epoch, as it is over, and at last how it ended; an error is a result too."""
        heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
        future = self._thread.submit(self._do, job, task, heard.put)
        future.add_done_callback(heard.put)
        while (news := heard.get()) is not future:
            yield news
        error = future.exception()
        if error is not None:
            error.add_note("".join(format_exception(error)))  # a traceback does not travel between processes
        yield Ended(None if error else future.result(), error)

    def _do(self, job: Job, task: Any, watch: Callable[[EpochProgress], None]) -> Any:
        return job(self._tools._replace(watch=watch), task)

    @cached_property
    def _tools(self) -> Tools:
        root, image_size, classes, masks = self._briefing
        if not root.exists():
            raise RunDirectoryError(
                f"A worker on '{platform.node()}' does not see '{root}'. "
                "Choose an --out on a file system that all machines share."
            )
        run = RunDirectory(root)
        material: AnyMaterial = (
            open_segment_material(run, image_size, masks) if masks else open_material(run, image_size, classes)
        )
        return Tools(run, material, default_device(), lambda _: None)
