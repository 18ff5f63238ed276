"""One finished training as experience keeps it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from anmok.evaluation.environment import describe_hardware, describe_versions

Scalar: TypeAlias = str | int | float | bool | None

WEIGHTS_MARK = "+"  # in a model's name: what follows names the pretrained weights that it started from


@dataclass(frozen=True, kw_only=True)
class FinishedTrial:
    """What was trained, where, and what came of it; an accuracy is a share, or None where it was not measured."""

    run: str  # names the run it comes from: the same trial of the same run is one row
    data: str  # name that the user's data set goes by
    model: str  # with the weights that it started from: resnet18+a1_in1k; alone: from scratch
    kind: str  # a value of `Kind`
    recipe: str  # digest of all its settings
    epochs: int
    augmentation: str
    fraction: float  # of the train split
    images: int
    seed: int
    select_accuracy: float | None
    test_accuracy: float | None
    seconds: float  # of training
    hardware: str = field(default_factory=lambda: json.dumps(describe_hardware()))
    versions: str = field(default_factory=lambda: json.dumps(describe_versions()))

    @property
    def pretrained(self) -> bool:
        """Whether it started from pretrained weights."""
        return WEIGHTS_MARK in self.model

    @property
    def accuracy(self) -> float | None:
        """On the test split where that was measured, else on the select split."""
        return self.select_accuracy if self.test_accuracy is None else self.test_accuracy


def digest(facts: Mapping[str, Scalar]) -> str:
    """Sixteen hexadecimal digits that are equal for equal facts, in whatever order."""
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()[:16]
