"""What it is to learn one class for each example, whatever the examples are."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from anmok.data import BatchSource
from anmok.shapes import Labels, Logits
from anmok.training.choices import ClassBalance
from anmok.training.device import autocast, resolve
from anmok.training.inference import share_right
from anmok.training.job import Fit
from anmok.training.losses import Losses, class_weights
from anmok.training.recipe import Precision

SETTINGS = ("loss", "label_smoothing", "class_balance")  # of a recipe, that it uses beside those of every task


@dataclass(frozen=True)
class LabelTraining(ABC):
    """The losses of labels, and accuracy on the select split; how examples are answered is the task's."""

    labels: Int[np.ndarray, " n"]  # that are learned, for recipes that balance the classes
    num_classes: int

    @abstractmethod
    def answers(self, network: nn.Module, source: BatchSource, device: torch.device) -> Iterable[tuple[Logits, Labels]]:
        """Logits and labels of this process's part of a split, batch after batch."""

    def score(self, network: nn.Module, source: BatchSource, device: torch.device) -> float:
        """Accuracy, in [0, 1]; in the precision that trains."""
        network.eval()
        with torch.inference_mode(), autocast(resolve(Precision.AUTO, device), device):
            return share_right(self.answers(network, source, device), device)

    def losses(self, answers: Iterable[Tensor], labels: Labels, job: Fit) -> Tensor:
        """The sum over examples, of all heads."""
        weights = self._weights.to(job.device) if job.recipe.class_balance is ClassBalance.LOSS else None
        heads = [logits.float() for logits in answers]
        return Losses(job.recipe, distilled=False, class_weights=weights)(heads, labels, None)

    @cached_property
    def _weights(self) -> Float[Tensor, " k"]:
        return class_weights(self.labels, self.num_classes)
