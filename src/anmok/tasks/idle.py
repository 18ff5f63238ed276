"""Settings of a recipe that a task has no use for."""

from collections.abc import Collection
from dataclasses import fields

from anmok.backbone import Task
from anmok.errors import RequestError
from anmok.training.recipe import Recipe

_EVERYWHERE = {
    *("epochs", "batch_size", "evaluations", "patience"),
    *("optimizer", "learning_rate", "learning_rate_batch", "momentum", "betas", "epsilon", "weight_decay"),
    *("clip_norm", "ema_decay", "warmup", "schedule", "final_learning_rate", "milestones", "decay", "decay_epochs"),
    *("drop_rate", "precision", "compile"),
}


def refuse_idle(recipe: Recipe, task: Task, allowed: Collection[str] = ()) -> None:
    """Raise `RequestError` where a setting was changed that has no effect on the task, which uses `allowed` too."""
    for field in fields(Recipe):
        value = getattr(recipe, field.name)
        if field.name not in _EVERYWHERE and field.name not in allowed and value != field.default:
            raise RequestError(
                f"The recipe's {field.name} has no effect on {task.replace('-', ' ')}: got {value}. Leave it out."
            )
