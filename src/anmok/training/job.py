"""What a training is told, what it tells while it runs, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from anmok.data import BatchSource, Progress
from anmok.errors import RequestError
from anmok.training.recipe import Recipe
from anmok.training.task import TrainingTask


@dataclass(frozen=True, kw_only=True)
class EpochProgress:
    """How far a training is, for whoever shows it."""

    epoch: int  # finished epochs
    epochs: int
    rate: float  # `unit` a second
    loss: float
    note: str = ""  # something the user should know, such as a halved batch
    learning_rate: float = 0.0  # of the epoch's last step
    score: float | None = None  # on the select split, where the epoch ended with an evaluation
    seconds: float = 0.0  # of training so far, over all restarts
    unit: str = "images"  # what the loss is a mean over


@dataclass(kw_only=True)
class FitResult:
    """What a training did; the network itself holds the weights of the best evaluation."""

    epochs: int = 0  # finished
    seconds: float = 0.0  # over all restarts
    seen: int = 0  # what the loss is a mean over, such as images, in all epochs
    best_score: float = float("-inf")  # on the select split, by the task; for images it is accuracy
    best_epoch: int = 0
    stale: int = 0  # evaluations since the best one
    micro_batch: int = 0  # images per forward pass; smaller than the batch where memory ran out
    losses: list[float] = field(default_factory=list)  # mean training loss of each epoch
    scores: dict[int, float] = field(default_factory=dict)  # on the select split after an epoch
    step: int = 0  # of the epoch in progress, with
    loss_sum: float = 0.0  # over
    loss_over: int = 0


@dataclass(frozen=True, kw_only=True)
class Fit:
    """One training: what to train, on what, how, where."""

    network: nn.Module
    task: TrainingTask
    train: BatchSource
    recipe: Recipe
    device: torch.device
    seed: int
    select: BatchSource | None = None  # watched for the best weights and the early stop
    checkpoint: Path | None = None  # the caller removes it once the result is stored
    shard: bool = False  # whether the processes that train together share the weights out
    on_epoch: Callable[[EpochProgress], None] | None = None
    on_step: Progress | None = None  # told the steps that are done, and of how many

    def __post_init__(self) -> None:
        if self.select is not None and not self.recipe.evaluations:
            raise RequestError(
                "A recipe without evaluations watches no select split: got both. Give select=None, or evaluations."
            )
        self.task.check(self)
