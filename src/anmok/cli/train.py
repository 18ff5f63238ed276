"""`anmok train`."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter

from anmok.errors import RequestError

TaskName: TypeAlias = Literal[
    "classification",
    "segmentation",
    "text-classification",
    "translation",
    "node-classification",
    "graph-classification",
]
"""What a network can be trained for, as `anmok.backbone.Task` has it: torch is not imported to parse a command."""


def train(  # noqa: PLR0913 - one argument for each option
    model: str,
    data: str,
    /,
    *,
    task: TaskName | None = None,
    recipe: str | None = None,
    set: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    pretrained: bool | str = False,
    teacher: str | None = None,
    learning_rate: float | Literal["auto"] | None = None,
    seed: int = 0,
    shard: bool = False,
    out: Path | None = None,
    log: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
) -> None:
    """Train one model by a recipe, on labelled images or on what it reads, and test it once.

    Parameters
    ----------
    model
        Name in the zoo; or timm:NAME, hf:ID (transformers), module:callable.
    data
        For images what `anmok select` takes: a folder, a manifest, hf://owner/name, shards, or "fashion". For other
        tasks a folder or file of theirs: images/ and masks/; texts with labels; pairs of sentences; nodes and edges.
    task
        What a model is to do that can do several things: backbones also segment, graph networks take nodes or graphs.
    recipe
        Name or .toml file; finetune for pretrained weights and default else, or the task's. `anmok recipes` lists them.
    set
        Settings of the recipe to change, such as epochs=10 mixup=0.2.
    pretrained
        Start from the model's public weights, or from a file, a folder, or owner/name on the Hugging Face hub.
    teacher
        Learn from it too: a run directory, or a model with public weights for these classes.
    learning_rate
        A number, or "auto" to search for one.
    seed
        Makes splits and training repeatable on one machine.
    shard
        Share weights and optimizer state, too, among the processes that torchrun starts: less memory for each.
    out
        Run directory; the same command resumes it. runs/DATA-MODEL, after the images and the model, when not given.
    log
        Further logs beside log.csv: tensorboard, mlflow.
    """
    from anmok.api.train import train as run_training
    from anmok.cli.show import watching
    from anmok.cli.show_training import show_training

    settings = {}
    for each in set or ():
        name, equals, value = each.partition("=")
        if not equals:
            raise RequestError(f"--set takes settings such as epochs=10: got '{each}'.")
        settings[name.replace("-", "_")] = value
    with watching() as observer:
        result = run_training(
            model, data, recipe=recipe, task=task, set=settings, pretrained=pretrained, teacher=teacher,
            learning_rate=learning_rate, seed=seed, shard=shard, out=out, log=log or (), observer=observer,
        )  # fmt: skip
    show_training(result)
