"""Who watches a selection: the command line shows it, a notebook may too, tests listen."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Observer(Protocol):
    """Told what happens; must not disturb it."""

    def stage(self, name: str) -> None:
        """Announce the next part of the work."""

    def note(self, text: str) -> None:
        """Pass on one sentence worth keeping."""

    def progress(self, done: float, total: float, detail: str) -> None:
        """Report how much of the present stage is done, in its own unit, and what it is doing."""


class Silent:
    """An observer that does not look."""

    def stage(self, name: str) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""

    def progress(self, done: float, total: float, detail: str) -> None:
        """Ignore it."""
