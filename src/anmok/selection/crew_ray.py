"""Workers that are actors of a Ray cluster: `pip install 'anmok[ray]'`."""

import importlib
import logging
import os
from collections.abc import Sequence
from typing import Any

from anmok.data import processor_count
from anmok.errors import RequestError
from anmok.selection.crew import WorkerLost
from anmok.selection.executor import Briefing, Ended, Executor, Job
from anmok.training.loop import EpochProgress

ray: Any = importlib.import_module("ray")  # only some of it has types

ADDRESS = "RAY_ADDRESS"
_STORE = 128 * 2**20  # bytes of shared memory for results, each of a few kilobytes


class RayEngine:
    """Starts actors with a GPU each, or with a CPU each where the cluster has no GPU.

    The cluster is the one that this process has joined, or that RAY_ADDRESS names; without either, one is started on
    this machine and ended with the crew.
    """

    def __init__(self, briefing: Briefing, count: int | None, most: int) -> None:
        self._briefing = briefing._replace(root=briefing.root.absolute())
        self._joined = not ray.is_initialized()
        if self._joined:
            _join(count or processor_count())
        resources = ray.cluster_resources()
        unit = "GPU" if resources.get("GPU") else "CPU"
        there = int(resources.get(unit, 0))
        self.size = count or max(1, min(there, most))
        if self.size > there:
            self.close()
            raise RequestError(
                f"--workers must not be more than the Ray cluster has {unit}s, one for each: got {count} for {there}."
            )
        needs = {"num_gpus": 1, "num_cpus": 0} if unit == "GPU" else {"num_cpus": 1}
        self._executor = ray.remote(**needs)(Executor)

    def hire(self) -> "RayWorker":
        """A new actor; returns before it is ready."""
        return RayWorker(self._executor.remote(self._briefing))

    def wait(self, channels: Sequence[Any]) -> Sequence[Any]:
        """Those on which there is something to hear; the end of an actor is."""
        return ray.wait(list(channels))[0]

    def close(self) -> None:
        """Leave the cluster, which ends it if it was started here."""
        if self._joined:
            ray.shutdown()


class RayWorker:
    """One actor; what it says of a job comes as a stream."""

    def __init__(self, actor: Any) -> None:
        self.channel: Any = None
        self._actor = actor

    def begin(self, job: Job, task: Any) -> None:
        """Hand over a job."""
        self.channel = self._actor.work.options(num_returns="streaming").remote(job, task)

    def hear(self) -> EpochProgress | Ended:
        """The next message of the stream."""
        try:
            return ray.get(next(self.channel))
        except (ray.exceptions.RayActorError, ray.exceptions.OutOfMemoryError) as error:
            raise WorkerLost("its process or its machine is gone") from error

    def dismiss(self) -> None:
        """End the actor."""
        ray.kill(self._actor)


def _join(processors: int) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves the machine
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    address = os.environ.get(ADDRESS)
    if not address:
        ray.init("local", num_cpus=processors, include_dashboard=False, object_store_memory=_STORE, **quiet)
        return
    try:
        ray.init(address, **quiet)
    except (ConnectionError, ValueError, ray.exceptions.AuthenticationError) as error:
        raise RequestError(
            f"No Ray cluster answers at '{address}', which {ADDRESS} names. Start one with `ray start --head`, set "
            "RAY_AUTH_MODE=token if it asks for its token, or unset the address to train on this machine."
        ) from error
