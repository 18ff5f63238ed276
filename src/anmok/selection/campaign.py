"""What every stage of a selection works with."""

from typing import NamedTuple

from anmok.evaluation.measurements import Measurements
from anmok.selection.observer import Observer
from anmok.selection.request import Request
from anmok.selection.run_directory import RunDirectory


class Campaign(NamedTuple):
    """What was asked for, where its results go, and who watches."""

    request: Request
    run: RunDirectory  # entered and claimed
    observer: Observer

    @property
    def table(self) -> Measurements:
        """The measurements of the run."""
        return self.run.measurements
