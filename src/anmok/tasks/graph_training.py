"""How networks learn from graphs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from anmok.backbone import Task
from anmok.data import WHOLE, BatchSource, Part
from anmok.errors import RequestError
from anmok.shapes import Labels, Logits
from anmok.tasks.graph_batches import GraphExamples
from anmok.tasks.idle import refuse_idle
from anmok.tasks.label_training import SETTINGS, LabelTraining
from anmok.training.choices import ClassBalance
from anmok.training.distributed import this_part
from anmok.training.job import Fit
from anmok.training.recipe import Recipe
from anmok.training.task import Moment


@dataclass(frozen=True)
class GraphTraining(LabelTraining):
    """The class of each node, or of each graph where they are `pooled`."""

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
        refuse_idle(recipe, task, SETTINGS)
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
        return self.losses((_asked(each, examples) for each in network(examples.graphs)), examples.labels, job)

    def answers(self, network: nn.Module, source: BatchSource, device: torch.device) -> Iterator[tuple[Logits, Labels]]:
        """Of each batch."""
        for examples in _examples(source, device, this_part()):
            yield _asked(network(examples.graphs), examples), examples.labels


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
