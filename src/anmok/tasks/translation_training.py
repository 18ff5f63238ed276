"""How a translator learns: teacher forcing, and the loss of each token."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional

from anmok import backbone
from anmok.backbone.sequence import END, PADDING, START, token_counts
from anmok.data import WHOLE, BatchSource, Part
from anmok.data.similar_lengths import SimilarLengths
from anmok.data.text_batches import padded
from anmok.shapes import TargetIds, TokenIds
from anmok.tasks.idle import refuse_idle
from anmok.training.device import autocast, resolve
from anmok.training.distributed import summed, this_part
from anmok.training.job import Fit
from anmok.training.recipe import Precision
from anmok.training.task import Moment


class PairBatch(NamedTuple):
    """Pairs, each side padded to its longest."""

    source: TokenIds  # ending in END
    target: TargetIds  # from START to END
    rows: Int[np.ndarray, " b"]  # of the data


class PairBatches:
    """Some rows of pairs in memory, those of similar length together; texts are ids without start and end."""

    def __init__(
        self,
        sources: Sequence[Sequence[int]],
        targets: Sequence[Sequence[int]],
        rows: Int[np.ndarray, " m"],
        *,
        batch_size: int,
        seed: int | None,
    ) -> None:
        self._sources, self._targets = sources, targets
        # By the target first: it is what takes the time, above all of recurrent nets.
        lengths = np.array([1024 * len(targets[row]) + min(len(sources[row]), 1023) for row in rows], dtype=np.int64)
        self._order = SimilarLengths(rows, lengths, batch_size=batch_size, seed=seed)

    def __len__(self) -> int:
        """Count the steps of an epoch."""
        return len(self._order)

    def epoch(self, number: int, *, start: int = 0, part: Part = WHOLE) -> Iterator[Any]:
        """Yield this process's part of every batch of an epoch, from step `start` on: a `PairBatch` each."""
        for rows in self._order.batches(number, start=start, part=part):
            source = as_sources([self._sources[row] for row in rows])
            yield PairBatch(source, as_targets([self._targets[row] for row in rows]), rows)


def as_sources(texts: Sequence[Sequence[int]]) -> TokenIds:
    """Texts as an encoder reads them."""
    return padded([[*text, END] for text in texts])


def as_targets(texts: Sequence[Sequence[int]]) -> TargetIds:
    """Texts as a decoder is taught them."""
    return padded([[START, *text, END] for text in texts])


@dataclass(frozen=True)
class PairExamples:
    """A batch on its device."""

    source: TokenIds
    target: TargetIds
    weight: int  # tokens that are predicted

    def __len__(self) -> int:
        return len(self.target)

    def part(self, chosen: slice) -> "PairExamples":
        """Some of them."""
        target = self.target[chosen]
        return PairExamples(self.source[chosen], target, _predicted(target))

    def blank(self) -> "PairExamples":
        """A sentence without words."""
        end, both = (self.target.new_tensor([ids]) for ids in ([END], [START, END]))
        return PairExamples(end, both, 1)


@dataclass(frozen=True)
class TranslationTraining:
    """Cross-entropy of every token after those before it; its negative mean on the select split."""

    unit = "tokens"
    measure = "log-probability {:.3f} of a token of the select split"

    def check(self, job: Fit) -> None:
        """Raise `RequestError` for settings without effect."""
        refuse_idle(job.recipe, backbone.Task.TRANSLATION, ("label_smoothing",))

    def examples(self, batch: PairBatch, moment: Moment, job: Fit) -> PairExamples:
        """On the device."""
        source, target = (part.to(job.device, non_blocking=True) for part in batch[:2])
        return PairExamples(source, target, _predicted(batch.target))

    def loss(self, network: Callable[..., list[Tensor]], examples: PairExamples, job: Fit) -> Tensor:
        """The sum over tokens, each smoothed over the vocabulary (Vaswani et al. 2017, sec. 5.4)."""
        return sum(
            _cross_entropy(logits, examples.target, job.recipe.label_smoothing)
            for logits in network(examples.source, examples.target[:, :-1])
        )  # type: ignore[return-value]

    def score(self, network: nn.Module, source: BatchSource, device: torch.device) -> float:
        """Mean log-probability of a token, not smoothed; in the precision that trains."""
        loss = torch.zeros(2, device=device, dtype=torch.float64)
        network.eval()
        for batch in source.epoch(0, part=this_part()):
            given, target = (part.to(device) for part in batch[:2])
            with torch.inference_mode(), autocast(resolve(Precision.AUTO, device), device):
                logits = network(given, target[:, :-1])
            loss += torch.stack([_cross_entropy(logits, target).double(), (target[:, 1:] != PADDING).sum()])
        total, count = summed(loss).tolist()
        return -total / count


def _cross_entropy(logits: Tensor, target: TargetIds, smoothing: float = 0.0) -> Tensor:
    return functional.cross_entropy(
        logits.float().flatten(0, 1),
        target[:, 1:].flatten(),
        ignore_index=PADDING,
        label_smoothing=smoothing,
        reduction="sum",
    )


def _predicted(target: TargetIds) -> int:
    return int(token_counts(target).sum()) - len(target)
