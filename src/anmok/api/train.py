"""One model, trained on labelled images by a recipe."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import nn

from anmok.api.listing import list_images
from anmok.api.train_job import TrainJob
from anmok.api.train_request import TrainRequest
from anmok.api.train_task import train_on_task
from anmok.backbone import Task
from anmok.catalogue import as_file_name, choose_task
from anmok.data import ImageData
from anmok.errors import RequestError
from anmok.evaluation.measurements import Measurement
from anmok.evaluation.metrics import Proportion
from anmok.selection.log import Logged
from anmok.selection.observer import Observer, Silent
from anmok.selection.run_directory import RunDirectory
from anmok.serving import Classifier, TaskNetwork, load
from anmok.tasks import find_task
from anmok.tasks.trained import task_of
from anmok.training.distributed import is_first, process_group
from anmok.training.engine import check_shard
from anmok.training.recipe import Distillation, Recipe
from anmok.training.recipes import choose_recipe, read_recipe


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a training left behind."""

    path: Path  # the run directory
    is_first: bool = True  # of the processes that shared the work

    @property
    def best(self) -> Classifier | TaskNetwork:
        """The trained model."""
        return load(self.path)

    @property
    def task(self) -> Task:
        """What it was trained for."""
        return task_of(self.path)

    @property
    def test_accuracy(self) -> Proportion:
        """Share of the untouched test images that it answers right, with its interval."""
        facts: dict[str, Any] = Classifier(self.path).facts
        low, high = facts["test_interval"]
        return Proportion(value=facts["test_accuracy"], low=low, high=high, n=facts["test_images"])

    @property
    def test_rows(self) -> list[Measurement]:
        """What it was tested by, the main metric first."""
        rows = RunDirectory(self.path).measurements.rows()
        return [row for row in rows if row.metric.startswith("test_") and row.subject != "data"]

    @property
    def report(self) -> Path:
        """The page about a network of another task than one class for an image."""
        return RunDirectory(self.path).report


def train(  # noqa: PLR0913 - one argument for each option of the command
    model: str,
    data: str | Path | ImageData,
    *,
    recipe: str | Recipe | None = None,
    task: str | None = None,
    set: Mapping[str, str] | None = None,
    pretrained: bool | str | Path = False,
    teacher: str | Path | nn.Module | None = None,
    learning_rate: float | Literal["auto"] | None = None,
    seed: int = 0,
    shard: bool = False,
    out: str | Path | None = None,
    log: Sequence[str] = (),
    observer: Observer | None = None,
) -> Trained:
    """Train a model of the zoo on labelled images, and test it once on images that it never saw.

    Models that read text or graphs take data of theirs; `task` chooses for those that can do several things, such as
    "segmentation" for a backbone. `recipe` is a name, a .toml file or a `Recipe`; without one it is `finetune` for
    pretrained weights and `default` else, or that of the task. `set` changes settings of it. Started by `torchrun`, the
    processes share the work; with `shard`, the weights and the optimiser's state too. The run lies in `out`, by default
    runs/<name of the data>-<model>; the same call resumes it, with any number of processes.
    Raises an `AnmokError` that says what to do.
    """
    watching: Observer = observer if observer and is_first() else Silent()
    asked = choose_task(model, task)
    images = list_images(data, watching) if asked is Task.CLASSIFICATION else None
    _check_task(asked, data, teacher)
    usual = choose_recipe(pretrained=bool(pretrained)) if images else find_task(asked).recipe
    changes = dict(set or {}) | ({} if learning_rate in (None, "auto") else {"learning_rate": str(learning_rate)})
    chosen = _recipe(usual if recipe is None else recipe, changes, has_teacher=teacher is not None)
    request = TrainRequest(
        model=model,
        data=data.name if isinstance(data, ImageData) else str(data),
        pretrained=("yes" if pretrained else "no") if isinstance(pretrained, bool) else str(pretrained),
        teacher=type(teacher).__name__ if isinstance(teacher, nn.Module) else str(teacher or "none"),
        seed=seed,
        search_rate=learning_rate == "auto",
        recipe=chosen,
        task=None if images else asked,
    )
    name = images.name if images else as_file_name(Path(request.data).name)
    root = Path(out) if out else Path("runs") / f"{name}-{as_file_name(model)}"
    with process_group() as device:
        if shard:
            check_shard(chosen)
        run = RunDirectory(root)
        with run if is_first() else nullcontext():
            if is_first():
                watching = Logged(watching, run.log)
                run.claim(request)
                if recipe is None:
                    watching.note(f"recipe: {usual}, {'for pretrained weights' if pretrained else 'from scratch'}")
            job = TrainJob(request, run, device, watching, tuple(log), shard)
            if images:
                job.train_on(images, pretrained, teacher)
            else:
                train_on_task(job, asked, Path(request.data), pretrained)
            if is_first():
                run.checkpoint("train", "last").unlink(missing_ok=True)
        return Trained(path=root, is_first=is_first())


def _check_task(asked: Task, data: object, teacher: object) -> None:
    if asked is Task.CLASSIFICATION:
        return
    if isinstance(data, ImageData):
        raise RequestError(f"Data for {asked} is named by its path: got images with labels. Give a folder or file.")
    if teacher is not None:
        raise RequestError(f"A teacher is for classes of images: got one for {asked}. Leave it out.")


def _recipe(name: str | Recipe, changes: dict[str, str], *, has_teacher: bool) -> Recipe:
    recipe = read_recipe(name, changes) if isinstance(name, str) else name
    if not isinstance(name, str) and changes:
        raise RequestError(
            "A Recipe holds all settings already: got further ones. Change it with replace(recipe, ...)."
        )
    if has_teacher and recipe.distillation is Distillation.NONE:
        return recipe.changed({"distillation": Distillation.HARD})
    if not has_teacher and recipe.distillation is not Distillation.NONE:
        raise RequestError(
            f"Distillation needs a teacher: got the recipe's distillation '{recipe.distillation}' and none. "
            "Name one with --teacher, or set distillation to none."
        )
    return recipe
