"""Weights to begin trainings with: where they lie, what their images had done to them, a copy for many trainings."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from anmok.backbone import Backbone
from anmok.data.atomic import written_whole
from anmok.training.classifier import CONFIG, ClassifierConfig, ImageClassifier, best_of

Source: TypeAlias = bool | str | Path
"""Where weights come from, as `create_model` takes it."""


def weights_of(source: Source) -> Source:
    """Resolve a run directory, whose weights lie in its best/; any other source is its own."""
    if isinstance(source, bool) or best_of(Path(source)) == Path(source):
        return source
    return best_of(Path(source))


def preprocessing(source: Source, backbone: Backbone) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and deviation that weights were trained with: a trained classifier's own, or the public weights'."""
    config = None if isinstance(source, bool) else Path(source) / CONFIG
    known = json.loads(config.read_text()) if config and config.is_file() else backbone.pretrained_cfg
    return tuple(known["mean"]), tuple(known["std"])


def save_start(built: Sequence[Backbone], source: Source, path: Path) -> None:
    """Keep what many trainings start from, out of a network that was built with pretrained weights more than once.

    What differs from one to the next, such as a head for new classes, is random and left to the seed of each training.
    """
    first, *others = (backbone.state_dict() for backbone in built)
    learnt = {name: x.clone() for name, x in first.items() if all(torch.equal(x, other[name]) for other in others)}
    mean, std = preprocessing(source, built[0])
    with written_whole(path) as partial:
        save_file(learnt, partial, {"mean": json.dumps(mean), "std": json.dumps(std)})


def open_start(path: Path, config: ClassifierConfig) -> ImageClassifier:
    """A classifier with weights that `save_start` kept, and with their mean and deviation instead of the config's."""
    with safe_open(path, framework="pt") as file:
        known = {key: tuple(json.loads(text)) for key, text in file.metadata().items()}
    classifier = ImageClassifier(replace(config, mean=known["mean"], std=known["std"]))
    classifier.backbone.load_state_dict(load_file(path), strict=False)
    return classifier
