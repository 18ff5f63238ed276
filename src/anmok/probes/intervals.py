"""95 % intervals by resampling images."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from anmok.evaluation.student import student_quantile

_DRAWS = 500


def bootstrap(
    values: Float[np.ndarray, "n ..."], statistic: Callable[[np.ndarray], float] | None = None
) -> tuple[float | None, float | None]:
    """Percentile bootstrap of a statistic of rows, their mean unless another is given; None for fewer than two rows."""
    if len(values) < 2:
        return None, None
    counts = np.random.default_rng(0).integers(len(values), size=(_DRAWS, len(values)))
    of = statistic or (lambda rows: float(rows.mean()))
    low, high = np.nanquantile([of(values[rows]) for rows in counts], [0.025, 0.975])
    return float(low), float(high)


def jackknife(values: Float[np.ndarray, " groups"], estimate: float) -> tuple[float | None, float | None]:
    """Grouped jackknife of an estimate, from the values without each group of images; None for fewer than three groups.

    For what a bootstrap cannot do because it draws images twice (ranks, similarities).
    """
    groups = len(values)
    if groups < 3:
        return None, None
    error = np.sqrt((groups - 1) / groups * ((values - values.mean()) ** 2).sum())
    quantile = student_quantile(groups - 1)
    return float(estimate - quantile * error), float(estimate + quantile * error)
