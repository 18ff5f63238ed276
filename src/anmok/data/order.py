"""Which images make up each batch, as a pure function of the seed, the epoch and the step."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from anmok.data.draws import Draws
from anmok.errors import RequestError


class Part(NamedTuple):
    """Which of the processes that share the work is meant."""

    rank: int = 0
    world_size: int = 1


WHOLE = Part()


class Chosen(NamedTuple):
    """The images of one batch, or of one process's part of it."""

    rows: Int[np.ndarray, " b"]  # of the data
    positions: Int[np.ndarray, " b"]  # in the order of the epoch


class Order:
    """The chosen rows, batch after batch.

    With a seed: for training. Each epoch has its own order, so a training that was interrupted goes on as if it had
    not been; a last batch of one image, which batch norm cannot take, is left out. With `repeats` each image comes
    that often and fewer images fill the epoch (repeated augmentation, Hoffer et al. 2020, arXiv:1901.09335); with
    `weights`, images are drawn with replacement in proportion to them.
    Without a seed: for evaluation. Every row once, in order; each process has a run of them.
    """

    def __init__(
        self,
        rows: Int[np.ndarray, " n"],
        *,
        batch_size: int,
        seed: int | None,
        repeats: int = 1,
        weights: Float[np.ndarray, " n"] | None = None,
    ) -> None:
        if batch_size < 1:
            raise RequestError(f"A batch holds at least one image: got batch_size={batch_size}. Give 1 or more.")
        if seed is None and (repeats > 1 or weights is not None):
            raise RequestError("Repeats and weights are for training, which has a seed: got seed=None. Give a seed.")
        self.rows, self.batch_size, self.seed = rows, batch_size, seed
        self._repeats, self._weights = repeats, weights

    def __len__(self) -> int:
        """Count the steps of an epoch."""
        return len(self._starts(len(self.rows)))

    def batches(self, epoch: int, *, start: int = 0, part: Part = WHOLE) -> Iterator[Chosen]:
        """Yield this part of every batch from step `start` on; a part may be empty in the last one."""
        if self.seed is None:
            bounds = np.linspace(0, len(self.rows), part.world_size + 1).astype(int)
            mine = np.arange(bounds[part.rank], bounds[part.rank + 1])
            for first in self._starts(len(mine))[start:]:
                positions = mine[first : first + self.batch_size]
                yield Chosen(self.rows[positions], positions)
            return
        order = self._shuffled(np.random.default_rng((self.seed, epoch)))
        for first in self._starts(len(self.rows))[start:]:
            rows = order[first : first + self.batch_size]
            if self._repeats > 1:
                rows = np.resize(rows[: -(-len(rows) // self._repeats)], len(rows))
            share = _share(len(rows), part)
            yield Chosen(rows[share], np.arange(first, first + len(rows))[share])

    def draws(self, epoch: int, chosen: Chosen) -> Draws:
        """The random numbers for the views of a batch's images."""
        once = self._repeats == 1 and self._weights is None
        return Draws(self.seed or 0, epoch, chosen.positions, chosen.rows if once else None)

    def _shuffled(self, random: np.random.Generator) -> Int[np.ndarray, " n"]:
        if self._weights is None:
            return random.permutation(self.rows)
        return random.choice(self.rows, len(self.rows), p=self._weights / self._weights.sum())

    def _starts(self, count: int) -> range:
        lone = self.seed is not None and count > 1
        return range(0, count - int(lone), self.batch_size)


def _share(count: int, part: Part) -> slice:
    """One process's run of a batch, of an even length: neighbours stay together, since mixing pairs them."""
    pairs = -(-count // 2)
    first, last = (2 * (pairs * rank // part.world_size) for rank in (part.rank, part.rank + 1))
    return slice(first, min(last, count))
