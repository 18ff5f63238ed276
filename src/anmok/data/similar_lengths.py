"""Batches of texts of similar length, so that little of a batch is padding."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int

from anmok.data.order import WHOLE, Part

POOL = 50  # batches whose texts are sorted together: the more, the less padding, and the less chance in a batch


class SimilarLengths:
    """The chosen rows, batch after batch, as a pure function of the seed, the epoch and the step.

    With a seed: for training. Each epoch shuffles the rows, sorts pools of them by length, and shuffles the batches.
    Without a seed: for evaluation. Every row once, the longest first, so that memory that is too short shows at once.
    """

    def __init__(
        self, rows: Int[np.ndarray, " n"], lengths: Int[np.ndarray, " n"], *, batch_size: int, seed: int | None
    ) -> None:
        self._rows, self._lengths, self._batch_size, self._seed = rows, lengths, batch_size, seed

    def __len__(self) -> int:
        """Count the steps of an epoch."""
        return -(-len(self._rows) // self._batch_size)

    def batches(self, epoch: int, *, start: int = 0, part: Part = WHOLE) -> Iterator[Int[np.ndarray, " b"]]:
        """Yield this part of the rows of every batch from step `start` on; a part may be empty."""
        for step in self._steps(epoch)[start:]:
            yield self._rows[step[part.rank :: part.world_size]]

    def _steps(self, epoch: int) -> list[Int[np.ndarray, " b"]]:
        """Which places of the rows make up each batch."""
        if self._seed is None:
            return self._cut(np.argsort(-self._lengths, kind="stable"))
        random = np.random.default_rng((self._seed, epoch))
        order = random.permutation(len(self._rows))
        size = POOL * self._batch_size
        pools = [order[first : first + size] for first in range(0, len(order), size)]
        steps = [step for pool in pools for step in self._cut(pool[np.argsort(self._lengths[pool], kind="stable")])]
        return [steps[i] for i in random.permutation(len(steps))]

    def _cut(self, order: Int[np.ndarray, " n"]) -> list[Int[np.ndarray, " b"]]:
        return [order[first : first + self._batch_size] for first in range(0, len(order), self._batch_size)]
