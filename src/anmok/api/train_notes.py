"""What is said of a training after every epoch."""

from collections.abc import Sequence
from pathlib import Path

from anmok.selection.observer import Observer
from anmok.training.distributed import is_first
from anmok.training.job import EpochProgress
from anmok.training.logs import Log, open_logs


def notes_of(observer: Observer, logs: Sequence[str], root: Path, measure: str) -> Log:
    """Tells the observer and the logs; `measure` says what the score on the select split is, with a place for it."""
    opened = open_logs(logs, root) if is_first() else []

    def tell(progress: EpochProgress) -> None:
        judged = "" if progress.score is None else f", {measure.format(progress.score)}"
        rate = f"{progress.rate:,.0f} {progress.unit}/s"
        observer.note(f"epoch {progress.epoch}: loss {progress.loss:.3f}{judged}, {rate}")
        if progress.note:
            observer.note(progress.note)
        for log in opened:
            log(progress)

    return tell
