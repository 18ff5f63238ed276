"""Who trains: how many workers, and where."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec

from anmok.data import processor_count
from anmok.errors import RequestError
from anmok.selection.crew import Crew
from anmok.selection.crew_local import LocalEngine
from anmok.selection.executor import Briefing
from anmok.training.device import default_device


class EngineName(StrEnum):
    """Where the workers are."""

    LOCAL = "local"  # processes of this machine
    RAY = "ray"  # actors of a cluster


@dataclass(frozen=True, kw_only=True)
class Workers:
    """How the user wants it. It is no part of the request: a run may be resumed with other workers."""

    engine: str = EngineName.LOCAL
    count: int | None = None  # None: as many as there is room for

    def __post_init__(self) -> None:
        if self.engine not in list(EngineName):
            raise RequestError(f"No engine is called '{self.engine}'. Choose {' or '.join(EngineName)} for --engine.")
        if self.count is not None and self.count < 1:
            raise RequestError(f"--workers must be at least 1: got {self.count}.")
        if self.engine == EngineName.RAY and find_spec("ray") is None:
            raise RequestError("--engine ray needs Ray, which is not installed: pip install 'anmok[ray]'.")


def hire(workers: Workers, briefing: Briefing, most: int, note: Callable[[str], None]) -> Crew:
    """The crew: by default one worker for each processor or GPU, but at most `most`; `note` hears of lost ones."""
    if workers.engine == EngineName.RAY:
        from anmok.selection.crew_ray import RayEngine  # an extra

        return Crew(RayEngine(briefing, workers.count, most), note)
    room = processor_count() if default_device().type == "cpu" else 1
    return Crew(LocalEngine(briefing, workers.count or min(room, most)), note)
