"""LogME: the evidence that a Bayesian linear model has for the classes."""

from math import log, pi

import numpy as np
from jaxtyping import Float

from anmok.scores.material import Features, ImageLabels, check_features
from anmok.scores.spectrum import principal

_ROUNDS = 200
_TOLERANCE = 1e-6  # relative change of the ratio alpha / beta
_REACH = 1e10  # how far the ratio may go from the mean eigenvalue


def logme(features: Features, labels: ImageLabels) -> float:
    """Logarithm of the maximum evidence, per image, on the mean over classes; higher is better, any sign.

    For each class, y = 1 for its images and else 0, y ~ N(F w, I / beta) and w ~ N(0, I / alpha), so that
    y ~ N(0, I / beta + F F^T / alpha); alpha and beta maximise its density. F has no column of ones.
    You et al. 2021, arXiv:2102.11005, algorithm 1.
    The fixed point alpha = g / |m|^2, beta = (n - g) / |F m - y|^2 with g = sum_j s_j / (s_j + t) is one of
    t = alpha / beta alone, for which the best beta is known: n / (y^T (I + F F^T / t)^-1 y).
    """
    labelled = check_features(features, labels)
    n = len(labelled.rows)
    z, s = principal(labelled.rows)
    targets = (z.T @ labelled.indicators / np.sqrt(s)[:, None]) ** 2  # squares along each axis, a column per class
    beyond = np.maximum(labelled.counts - targets.sum(0), 0)  # what no weights can explain
    t = _fixed_point(s, targets, beyond, n)
    share = t / (s[:, None] + t)
    beta = n / (beyond + (targets * share).sum(0))
    evidence = (n * np.log(beta) + np.log(share).sum(0)) / 2 - n / 2 * (1 + log(2 * pi))
    return float(evidence.mean() / n)


def _fixed_point(
    s: Float[np.ndarray, " r"], targets: Float[np.ndarray, "r k"], beyond: Float[np.ndarray, " k"], n: int
) -> Float[np.ndarray, " k"]:
    """The ratio alpha / beta of each class."""
    scale = float(s.mean())
    t = np.full(len(beyond), scale)
    for _ in range(_ROUNDS):
        share = t / (s[:, None] + t)
        residual = beyond + (targets * share**2).sum(0)
        weights = (targets * (share / t) ** 2 * s[:, None]).sum(0)
        with np.errstate(divide="ignore"):  # features that explain nothing send the ratio to infinity
            new = (1 - share).sum(0) / weights * residual / (n - len(s) + share.sum(0))
        new = np.clip(new, scale / _REACH, scale * _REACH)
        done = bool((np.abs(new - t) <= _TOLERANCE * t).all())
        t = new
        if done:
            break
    return t
