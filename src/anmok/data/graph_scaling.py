"""How features come to a scale that a network can learn from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

_SPARSE = 0.5  # share of zeros from which numbers that are never negative count as a bag of words


@dataclass(frozen=True)
class Scaling:
    """Columns with mean 0 and deviation 1; or, of a bag of words, rows with sum 1 (Kipf & Welling 2017, sec. 5.2)."""

    mean: Sequence[float] = ()
    deviation: Sequence[float] = ()
    is_bag: bool = False

    @staticmethod
    def of(rows: Float32[np.ndarray, "n d"]) -> "Scaling":
        """What suits these rows; a column that never varies is left as it is."""
        if rows.size and rows.min() >= 0 and (rows == 0).mean() >= _SPARSE:
            return Scaling(is_bag=True)
        wide = rows.astype(np.float64)
        mean, deviation = (wide.mean(0), wide.std(0)) if len(rows) else (np.zeros(rows.shape[1]),) * 2
        steady = deviation <= 1e-9 * np.abs(mean)
        mean, deviation = np.where(steady, 0, mean), np.where(steady, 1, deviation)
        return Scaling(mean.tolist(), deviation.tolist())

    def __call__(self, rows: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d"]:
        """The rows at scale."""
        if self.is_bag:
            sums = np.abs(rows).sum(1, keepdims=True)
            return rows / np.where(sums == 0, 1, sums).astype(np.float32)
        return ((rows - np.array(self.mean)) / np.array(self.deviation)).astype(np.float32)
