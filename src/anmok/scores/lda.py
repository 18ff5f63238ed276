"""Linear discriminant analysis with a shrunken covariance, each image left out once."""

import numpy as np
from jaxtyping import Float

from anmok.errors import RequestError
from anmok.scores.leave_one_out import LeaveOneOut, left_out
from anmok.scores.material import Features, ImageLabels, Labelled, check_features
from anmok.scores.spectrum import ledoit_wolf, principal


def lda(features: Features, labels: ImageLabels, *, shrinkage: float | None = None) -> LeaveOneOut:
    """Exact leave-one-out answers of Gaussian classes that share a covariance; the most probable class is named.

    Discriminant: log(share of the class) - |x - mean|^2 / 2 in the metric of the inverse of
    (1 - a) W + a tr(W) / d I, where W is the mean squared deviation from the class means (Friedman 1989, JASA 84).
    Left out, an image takes its part of the mean and share of its class, of W and of tr(W) with it. Its part of W is
    of rank one and that of the trace a multiple of I, so one eigen-decomposition and the Sherman-Morrison formula
    give what n fits would.
    The shrinkage a lies in (0, 1]; where not given, it is that of Ledoit & Wolf 2004, found once from all images.
    """
    labelled = check_features(features, labels, least=2)
    if shrinkage is not None and not 0 < shrinkage <= 1:
        raise RequestError(f"A shrinkage lies in (0, 1]: got {shrinkage}. Leave it out for Ledoit and Wolf's.")
    n, d = labelled.rows.shape
    rows = labelled.rows - labelled.rows.mean(0)
    if n < d:
        rows = principal(rows)[0]  # turned: distances stay, and what is left out is zero for all
    deviations = rows - labelled.class_means(rows)[labelled.classes]
    squares = (deviations**2).sum(1)
    if squares.sum() <= (rows**2).sum() * np.finfo(np.float64).eps:
        raise RequestError(
            "LDA needs images of a class to differ: got the same features for all images of each class. Use ridge."
        )
    values, axes = np.linalg.eigh(deviations.T @ deviations)
    values = np.maximum(values, 0)
    if shrinkage is None:
        shrinkage = max(ledoit_wolf(squares, values, d)[0], np.finfo(np.float64).eps)
    discriminants = _discriminants(labelled, rows @ axes, deviations @ axes, values, shrinkage)
    return left_out(labelled, discriminants.argmax(1), shrinkage)


def _discriminants(
    labelled: Labelled,
    z: Float[np.ndarray, "n r"],
    u: Float[np.ndarray, "n r"],
    values: Float[np.ndarray, " r"],
    shrinkage: float,
) -> Float[np.ndarray, "n k"]:
    """Of each image for each class, without that image; `u` are deviations from the class means.

    Without image i of a class of c images, the sum of squares loses c / (c - 1) u u^T. Row i of `inverse` is the
    diagonal of the inverse of the covariance before that, but with the trace after it.
    """
    n, d = labelled.rows.shape
    own = labelled.counts[labelled.classes]
    gone = own / (own - 1)
    lost = (1 - shrinkage) * gone / (n - 1)
    trace = values.sum()
    left = np.maximum(trace - gone * (u**2).sum(1), trace * np.finfo(np.float64).eps)
    inverse = 1 / ((1 - shrinkage) * values / (n - 1) + (shrinkage * left / ((n - 1) * d))[:, None])
    means = labelled.class_means(z)
    scaled, turned = inverse * z, inverse * u
    distance = (scaled * z).sum(1)[:, None] - 2 * scaled @ means.T + inverse @ (means**2).T
    along = (turned * z).sum(1)[:, None] - turned @ means.T
    length = (turned * u).sum(1)
    each = np.arange(n)
    distance[each, labelled.classes] = gone**2 * length  # the own mean moves away from the image
    along[each, labelled.classes] = gone * length
    distance += (lost / (1 - lost * length))[:, None] * along**2
    shares = np.tile(labelled.counts / (n - 1), (n, 1))
    shares[each, labelled.classes] -= 1 / (n - 1)
    return np.log(shares) - distance / 2
