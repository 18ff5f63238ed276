"""Ridge regression on the classes, each image left out once."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from anmok.errors import RequestError
from anmok.scores.leave_one_out import LeaveOneOut, left_out
from anmok.scores.material import Features, ImageLabels, check_features
from anmok.scores.spectrum import principal

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3)


def ridge(features: Features, labels: ImageLabels, *, penalties: Sequence[float] = PENALTIES) -> LeaveOneOut:
    """Exact leave-one-out answers of least squares on indicators of the classes; the largest output names the class.

    The slopes are penalised and the intercept is not. A penalty is given as a multiple of the features' mean
    variance, summed over images: lambda = penalty * tr(Xc^T Xc) / d. Of several, the one with the smallest squared
    error of images left out is taken, and not the one with the best accuracy, which would flatter it.
    One eigen-decomposition does it all: without image i the output is y_i - (y_i - fit_i) / (1 - h_i), where the
    leverage h_i = 1 / n + sum_j z_ij^2 / (s_j + lambda) (Allen 1974, Technometrics 16(1), PRESS).
    """
    labelled = check_features(features, labels, least=2)
    if not penalties or min(penalties) <= 0:
        raise RequestError(f"A ridge penalty is positive: got {list(penalties)}. Give some, such as 0.1, 1 and 10.")
    n, d = labelled.rows.shape
    z, s = principal(labelled.rows - labelled.rows.mean(0))
    targets = labelled.indicators
    moments, squares = z.T @ targets, z**2

    def outputs(penalty: float) -> Float[np.ndarray, "n k"]:
        weights = 1 / (s + penalty * s.sum() / d)
        fit = targets.mean(0) + z @ (weights[:, None] * moments)
        rest = 1 - 1 / n - squares @ weights
        return targets - (targets - fit) / rest[:, None]

    tried = {penalty: outputs(penalty) for penalty in penalties}
    best = min(tried, key=lambda penalty: float(((targets - tried[penalty]) ** 2).sum()))
    return left_out(labelled, tried[best].argmax(1), best)
