"""Numbers of words -> batches."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch.nn.utils.rnn import pad_sequence

from anmok.backbone.sequence import PADDING
from anmok.data.order import WHOLE, Part
from anmok.data.similar_lengths import SimilarLengths
from anmok.shapes import Labels, TokenIds


class TextBatch(NamedTuple):
    """Texts, padded to the longest, and their labels."""

    tokens: TokenIds
    labels: Labels
    rows: Int[np.ndarray, " b"]  # of the data


class TextBatches:
    """Some rows of texts in memory, those of similar length together."""

    def __init__(
        self,
        texts: Sequence[Sequence[int]],
        labels: Int[np.ndarray, " n"],
        rows: Int[np.ndarray, " m"],
        *,
        batch_size: int,
        seed: int | None,
    ) -> None:
        self._texts, self._labels = texts, labels
        lengths = np.array([len(texts[row]) for row in rows])
        self._order = SimilarLengths(rows, lengths, batch_size=batch_size, seed=seed)

    def __len__(self) -> int:
        """Count the steps of an epoch."""
        return len(self._order)

    def epoch(self, number: int, *, start: int = 0, part: Part = WHOLE) -> Iterator[Any]:
        """Yield this process's part of every batch of an epoch, from step `start` on: a `TextBatch` each."""
        for rows in self._order.batches(number, start=start, part=part):
            labels = torch.from_numpy(self._labels[rows].astype(np.int64))
            yield TextBatch(padded([self._texts[row] for row in rows]), labels, rows)


def padded(texts: Sequence[Sequence[int]]) -> TokenIds:
    """Texts beside one another; the shorter end in padding, of which a text without words has one at least."""
    rows = [torch.tensor(text or [PADDING], dtype=torch.int64) for text in texts]
    return pad_sequence(rows, batch_first=True, padding_value=PADDING) if rows else torch.zeros(0, 1, dtype=torch.int64)
