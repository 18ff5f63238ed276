"""H-score: how much of the features' spread lies between the classes."""

import numpy as np

from anmok.errors import RequestError
from anmok.scores.material import Features, ImageLabels, check_features
from anmok.scores.spectrum import ledoit_wolf, principal


def h_score(features: Features, labels: ImageLabels) -> float:
    """tr(cov(f)^-1 cov(E[f | y])), from 0 to the smaller of d and the number of classes less one.

    Bao et al. 2019, "An Information-Theoretic Approach to Transferability in Task Transfer Learning", ICIP;
    a pseudo-inverse where channels depend on one another. Not more images than channels reach the upper bound
    whatever they show, which is an error.
    """
    labelled = check_features(features, labels)
    n, d = labelled.rows.shape
    if n <= d:
        raise RequestError(
            f"The H-score needs more images than channels: got {n} and {d}. Add images, or use shrunk_h_score."
        )
    z, s = principal(labelled.rows - labelled.rows.mean(0))
    return float(labelled.counts @ (labelled.class_means(z) ** 2 @ (1 / s)))


def shrunk_h_score(features: Features, labels: ImageLabels) -> float:
    """(1 - a) tr(cov_a(f)^-1 cov(E[f | y])) with Ledoit and Wolf's cov_a = (1 - a) cov + a tr(cov) / d I.

    From 0 to the number of classes less one; for any number of images. Ibrahim et al. 2022, "Newer is not always
    better", arXiv:2110.06893. Both covariances divide by n, where the authors' program divides the second
    by n - 1.
    """
    labelled = check_features(features, labels)
    n, d = labelled.rows.shape
    rows = labelled.rows - labelled.rows.mean(0)
    z, s = principal(rows)
    shrinkage, scale = ledoit_wolf((rows**2).sum(1), s, d)
    inverse = 1 / ((1 - shrinkage) * s / n + shrinkage * scale)
    between = labelled.counts / n @ (labelled.class_means(z) ** 2 @ inverse)
    return float((1 - shrinkage) * np.maximum(between, 0))
