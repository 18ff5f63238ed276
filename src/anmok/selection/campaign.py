"""What every stage of a selection works with."""

from typing import NamedTuple

from anmok.backbone import Task
from anmok.evaluation.measurements import Measurements
from anmok.selection.meter import Meter, TorchMeter
from anmok.selection.observer import Observer
from anmok.selection.request import Request
from anmok.selection.run_directory import RunDirectory
from anmok.selection.workers import Workers
from anmok.tasks import find_task
from anmok.training.recipe import Recipe
from anmok.training.recipes import choose_recipe, read_recipe

# `Material.begin` fits the heads of pretrained networks; larger steps would first undo that in a short training.
_AFTER_FITTED_HEADS = {"head_epochs": 0.0, "learning_rate": 3e-4}


class Campaign(NamedTuple):
    """What was asked for, where its results go, who watches, who trains, and what tells latencies."""

    request: Request
    run: RunDirectory  # entered and claimed
    observer: Observer
    workers: Workers = Workers()
    meter: Meter = TorchMeter()

    @property
    def table(self) -> Measurements:
        """The measurements of the run."""
        return self.run.measurements

    @property
    def recipe(self) -> Recipe:
        """What all trainings have in common; how long they are, and the rest, the plan and the pilot choose."""
        if self.request.task:
            return read_recipe(find_task(Task(self.request.task)).recipe)
        recipe = read_recipe(choose_recipe(pretrained=self.request.pretrained))
        return recipe.changed(_AFTER_FITTED_HEADS) if self.request.pretrained else recipe
