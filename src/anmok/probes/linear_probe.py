"""Where along the blocks do the classes become linear?

Alain & Bengio 2016, arXiv:1610.01644, sec. 3: a linear classifier on every block's features. Departs from it by ridge
regression on indicators of the classes, with each image left out, in place of trained classifiers.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3)


def left_out(features: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Which images a ridge regression on all others names rightly, in closed form.

    y_i - (y_i - fit_i) / (1 - h_i) with the leverage h (Allen 1974, Technometrics 16(1), PRESS). The intercept is
    free; a penalty is a multiple of the mean variance over channels, and that of the smallest squared error is taken.
    """
    n, width = features.shape
    targets = np.eye(int(labels.max()) + 1)[labels]
    centred = features - features.mean(0)
    values, vectors = np.linalg.eigh(centred @ centred.T)
    values = values.clip(0)
    scale = float(values.sum()) / width or 1.0
    moments, squares = vectors.T @ targets, vectors**2

    def outputs(penalty: float) -> Float[np.ndarray, "n k"]:
        weights = values / (values + penalty * scale)
        fit = targets.mean(0) + vectors @ (weights[:, None] * moments)
        return targets - (targets - fit) / (1 - 1 / n - squares @ weights)[:, None]

    tried = [outputs(penalty) for penalty in _PENALTIES]
    best = min(tried, key=lambda output: float(((targets - output) ** 2).sum()))
    return best.argmax(1) == labels


def first_near_best(right: Float[np.ndarray, "n blocks"], share: float) -> float:
    """Relative depth, in (0, 1], of the first block with this share of the best block's accuracy."""
    accuracies = right.mean(0)
    return (int((accuracies >= share * accuracies.max()).argmax()) + 1) / len(accuracies)
