"""A trained network of any task, tested on data."""

from dataclasses import replace
from pathlib import Path

from anmok.backbone import Task
from anmok.data import Split
from anmok.errors import RequestError
from anmok.evaluation.measurements import Measurement
from anmok.tasks import find_task
from anmok.tasks.trained import load_task_network, task_of
from anmok.training.device import default_device


def is_of_task(model: str | Path, *, views: int = 1) -> bool:
    """Whether a trained network has another task than one class for an image; `views` is for images."""
    task = task_of(Path(model))
    if task is Task.CLASSIFICATION:
        return False
    if views != 1:
        raise RequestError(f"Views are of images to be classified: got {views} for {task}. Leave them out.")
    return True


def evaluate_task(model: str | Path, data: str | Path, *, split: Split | None = None) -> list[Measurement]:
    """Test a run directory or its best/ on data for its task; rows with intervals, the main one first.

    The test split where the data brings one, else all of it; `split` names another.
    """
    trained = load_task_network(Path(model))
    problem = find_task(trained.task).reopen(Path(data), trained.config)
    given = set(problem.splits["split"].drop_nulls())
    chosen: Split | None = split or ("test" if "test" in given else None)
    if chosen is not None and chosen not in given:
        raise RequestError(f"There are no {chosen} examples in '{problem.name}'. Leave --split out to take all.")
    tested = problem.test(trained.network, chosen, default_device())
    return [replace(row, subject=trained.model) for row in tested.rows]
