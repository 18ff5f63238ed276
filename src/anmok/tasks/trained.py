"""A trained network of any task on disk: weights, and what is needed to build it and to answer."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from anmok import backbone
from anmok.data.atomic import written_whole
from anmok.errors import WeightsError
from anmok.tasks import find_task
from anmok.tasks.task import Answer
from anmok.training.classifier import CONFIG, WEIGHTS, best_of
from anmok.training.device import default_device
from anmok.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class TaskNetwork:
    """A trained network, in eval mode, and what it was trained for."""

    task: backbone.Task
    model: str  # its preset
    config: dict[str, Any]  # of the data that it was trained on; see `Problem.config`
    network: nn.Module
    facts: dict[str, Any]  # of its training: data, recipe, what it reached

    def answer(self, asked: Sequence[str], out: str | Path = ".") -> Iterator[Answer]:
        """Answer texts or files, one after another; files that come of it are written to the folder `out`."""
        return find_task(self.task).answer(self.network, self.config, asked, Path(out))

    def save(self, directory: Path) -> None:
        """Write `model.safetensors` and `config.json`; the config comes last, so a directory with it is whole."""
        directory.mkdir(parents=True, exist_ok=True)
        with written_whole(directory / WEIGHTS) as partial:
            save_file({k: v.detach().cpu().contiguous().clone() for k, v in self.network.state_dict().items()}, partial)
        stored = {"task": self.task, "model": self.model, "problem": self.config, "anmok": metadata.version("anmok")}
        with written_whole(directory / CONFIG) as partial:
            partial.write_text(json.dumps(stored | self.facts, indent=2), encoding="utf-8")


def task_of(directory: Path) -> backbone.Task:
    """What the network of a directory, or of a run's best/, was trained for; where there is none, the usual."""
    path = best_of(directory) / CONFIG
    if not path.is_file():
        return backbone.Task.CLASSIFICATION
    try:
        return backbone.Task(json.loads(path.read_text(encoding="utf-8")).get("task", backbone.Task.CLASSIFICATION))
    except (ValueError, AttributeError) as error:
        raise WeightsError(f"'{path}' is not a trained network's configuration ({error}). Train it again.") from error


def load_task_network(directory: Path) -> TaskNetwork:
    """Read what `TaskNetwork.save` wrote, in eval mode on the fastest device there is.

    Raises `WeightsError` where the directory, or its best/, holds no such network, or files that do not fit.
    """
    path = best_of(directory) / CONFIG
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        task, model, config = backbone.Task(stored.pop("task")), stored.pop("model"), stored.pop("problem")
        stored.pop("anmok")
        network = find_task(task).build(model, config, Recipe(), False)  # noqa: FBT003 - no pretrained weights
        network.load_state_dict(load_file(path.parent / WEIGHTS))
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(
            f"'{path.parent}' holds no trained network that can be read ({reason}). Train it again."
        ) from error
    network = network.to(default_device()).eval()
    return TaskNetwork(task=task, model=model, config=config, network=network, facts=stored)
