"""What a training is told, what it tells while it runs, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from anmok.data import BatchSource, Progress
from anmok.errors import RequestError
from anmok.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class EpochProgress:
    """How far a training is, for whoever shows it."""

    epoch: int  # finished epochs
    epochs: int
    images_per_second: float
    loss: float
    note: str = ""  # something the user should know, such as a halved batch
    learning_rate: float = 0.0  # of the epoch's last step
    accuracy: float | None = None  # on the select split, where the epoch ended with an evaluation
    seconds: float = 0.0  # of training so far, over all restarts


@dataclass(kw_only=True)
class FitResult:
    """What a training did; the network itself holds the weights of the best evaluation."""

    epochs: int = 0  # finished
    seconds: float = 0.0  # over all restarts
    images: int = 0
    best_accuracy: float = -1.0  # on the select split; -1 without one
    best_epoch: int = 0
    stale: int = 0  # evaluations since the best one
    micro_batch: int = 0  # images per forward pass; smaller than the batch where memory ran out
    losses: list[float] = field(default_factory=list)  # mean training loss of each epoch
    accuracies: dict[int, float] = field(default_factory=dict)  # select accuracy after an epoch
    step: int = 0  # of the epoch in progress, with
    loss_sum: float = 0.0  # over
    seen: int = 0  # images


@dataclass(frozen=True, kw_only=True)
class Fit:
    """One training: what to train, on what, how, where."""

    network: nn.Module
    train: BatchSource
    recipe: Recipe
    device: torch.device
    seed: int
    select: BatchSource | None = None  # watched for the best weights and the early stop
    num_classes: int | None = None  # for recipes that mix images
    class_weights: Tensor | None = None  # for recipes that balance the classes in the loss
    teacher: nn.Module | None = None  # images in [0, 1] -> logits; for recipes that distil
    checkpoint: Path | None = None  # the caller removes it once the result is stored
    shard: bool = False  # whether the processes that train together share the weights out
    on_epoch: Callable[[EpochProgress], None] | None = None
    on_step: Progress | None = None  # told the steps that are done, and of how many

    def __post_init__(self) -> None:
        if self.select is not None and not self.recipe.evaluations:
            raise RequestError(
                "A recipe without evaluations watches no select split: got both. Give select=None, or evaluations."
            )
