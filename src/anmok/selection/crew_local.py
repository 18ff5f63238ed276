"""Workers that are processes of this machine."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from anmok.selection.crew import WorkerLost
from anmok.selection.executor import Briefing, Ended, Executor, Job
from anmok.training.loop import EpochProgress


class LocalEngine:
    """Starts processes."""

    def __init__(self, briefing: Briefing, size: int) -> None:
        self.size = size
        self._briefing = briefing

    def hire(self) -> "LocalWorker":
        """A new process; returns before it is ready."""
        return LocalWorker(self._briefing)

    def wait(self, channels: Sequence[Any]) -> Sequence[Any]:
        """Those on which there is something to hear; the end of a process is."""
        return wait(channels)

    def close(self) -> None:
        """Nothing is left: every worker ends its own process."""


class LocalWorker:
    """One process and a pipe of its own: what a killed process leaves half done concerns no other."""

    def __init__(self, briefing: Briefing) -> None:
        context = multiprocessing.get_context("spawn")
        self.channel, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, briefing), daemon=True)
        self._process.start()
        theirs.close()  # or its end would never be heard

    def begin(self, job: Job, task: Any) -> None:
        """Hand over a job."""
        with contextlib.suppress(OSError):  # that the process is gone is heard next
            self.channel.send((job, task))

    def hear(self) -> EpochProgress | Ended:
        """The next message."""
        try:
            return self.channel.recv()
        except (EOFError, OSError) as error:
            self._process.join()
            code = self._process.exitcode or 0
            raise WorkerLost(f"signal {-code}" if code < 0 else f"exit code {code}, see above") from error

    def dismiss(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()
        self._process.close()
        self.channel.close()


def _serve(channel: "Connection[Any, Any]", briefing: Briefing) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the crew ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    executor = Executor(briefing)
    while True:
        job, task = channel.recv()
        for news in executor.work(job, task):
            channel.send(news)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
