"""How networks learn from graphs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from anmok.backbone import Task
from anmok.data import WHOLE, BatchSource, Part
from anmok.errors import RequestError
from anmok.tasks.graph_batches import GraphExamples
from anmok.tasks.idle import refuse_idle
from anmok.training.choices import ClassBalance
from anmok.training.device import autocast, resolve
from anmok.training.distributed import summed, this_part
from anmok.training.job import Fit
from anmok.training.losses import Losses, class_weights
from anmok.training.recipe import Precision, Recipe
from anmok.training.task import Moment


@dataclass(frozen=True)
class GraphTraining:
    """Cross-entropy of the labels of nodes, or of graphs where they are `pooled`; accuracy on the select split."""

    labels: Int[np.ndarray, " n"]  # that are learned, for recipes that balance the classes
    num_classes: int
    pooled: bool

    @property
    def unit(self) -> str:
        """What has a label."""
        return "graphs" if self.pooled else "nodes"

    @property
    def measure(self) -> str:
        """What the score says."""
        return "{:.1%} of the select " + f"{self.unit} right"

    def check(self, job: Fit) -> None:
        """Raise `RequestError` for settings without effect."""
        recipe = job.recipe
        task = Task.GRAPH_CLASSIFICATION if self.pooled else Task.NODE_CLASSIFICATION
        refuse_idle(recipe, task, ("loss", "label_smoothing", "class_balance"))
        if recipe.class_balance is ClassBalance.SAMPLING:
            raise RequestError(
                f"Each of the {self.unit} is seen once an epoch: got class_balance='sampling'. Set it to 'loss', or "
                "leave it out."
            )
        if not self.pooled and recipe.batch_size != Recipe.batch_size:
            raise RequestError(
                f"All nodes are one batch, since edges join them: got batch_size={recipe.batch_size}. Leave it out."
            )

    def examples(self, batch: GraphExamples, moment: Moment, job: Fit) -> GraphExamples:
        """On the device."""
        return batch.to(job.device)

    def loss(self, network: Callable[..., list[Tensor]], examples: GraphExamples, job: Fit) -> Tensor:
        """The sum over nodes or graphs with a label."""
        balanced = job.recipe.class_balance is ClassBalance.LOSS
        weights = class_weights(self.labels, self.num_classes).to(job.device) if balanced else None
        logits = [_asked(each, examples).float() for each in network(examples.graphs)]
        return Losses(job.recipe, distilled=False, class_weights=weights)(logits, examples.labels, None)

    def score(self, network: nn.Module, source: BatchSource, device: torch.device) -> float:
        """Accuracy, in [0, 1]; in the precision that trains."""
        hits = total = 0
        network.eval()
        for examples in _examples(source, device, this_part()):
            with torch.inference_mode(), autocast(resolve(Precision.AUTO, device), device):
                hits += int((_asked(network(examples.graphs), examples).argmax(1) == examples.labels).sum())
            total += examples.weight
        hits, total = summed(torch.tensor([hits, total], device=device)).tolist()
        return hits / total


@torch.inference_mode()
def probabilities(network: nn.Module, source: BatchSource, device: torch.device) -> Float[np.ndarray, "n k"]:
    """Of every class, for every node or graph of a source in order; in fp32."""
    network.eval()
    answers = ((network(x.graphs).float(), x) for x in _examples(source, device, WHOLE))
    return np.concatenate([_asked(*answer).softmax(1).cpu().numpy() for answer in answers])


def _examples(source: BatchSource, device: torch.device, part: Part) -> Iterator[GraphExamples]:
    batch: Any
    for batch in source.epoch(0, part=part):
        if len(batch):
            yield batch.to(device)


def _asked(logits: Float[Tensor, "m k"], examples: GraphExamples) -> Float[Tensor, "b k"]:
    return logits if examples.rows is None else logits[examples.rows]
