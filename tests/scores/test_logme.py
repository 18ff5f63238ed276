import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from small_features import features_of

from anmok.scores import logme


def largest_evidence(x, target):
    """The density of the target under y ~ N(0, I / beta + F F^T / alpha), maximised over both by a search."""
    eye, gram = np.eye(len(x)), x @ x.T

    def negative(logs):
        alpha, beta = np.exp(np.clip(logs, -30, 30))
        return -multivariate_normal.logpdf(target, np.zeros(len(x)), eye / beta + gram / alpha, allow_singular=True)

    starts = [(a, b) for a in (-2.0, 3.0, 8.0) for b in (0.0, 4.0)]
    options = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 2000}
    return max(-minimize(negative, s, method="Nelder-Mead", options=options).fun for s in starts)


@pytest.mark.parametrize("shape", [(40, 6, 3), (20, 35, 2)])
def test_it_is_the_largest_density_of_the_labels_per_image_and_class(shape):
    x, y = features_of(*shape, distance=0.8)
    expected = np.mean([largest_evidence(x, np.float64(y == c)) for c in range(shape[2])]) / len(x)
    assert logme(x, y) == pytest.approx(expected, abs=1e-5)


def test_at_the_optimum_the_published_fixed_point_holds():
    """alpha = g / |m|^2 and beta = (n - g) / |F m - y|^2, in the paper's own terms, leave alpha and beta alone."""
    x, y = features_of(50, 6, 2)
    target = np.float64(y == 1)
    alpha = beta = 1.0
    for _ in range(500):
        inverse = np.linalg.inv(alpha * np.eye(6) + beta * x.T @ x)
        m = beta * inverse @ x.T @ target
        g = 6 - alpha * np.trace(inverse)
        alpha, beta = g / (m @ m), (50 - g) / ((x @ m - target) ** 2).sum()
    covariance = np.eye(50) / beta + x @ x.T / alpha
    other = np.float64(y == 0)
    both = multivariate_normal.logpdf(target, np.zeros(50), covariance), largest_evidence(x, other)
    assert logme(x, y) == pytest.approx(np.mean(both) / 50, abs=1e-5)


def test_features_that_know_the_classes_have_more_evidence():
    found = [logme(*features_of(200, 10, 4, distance=distance)) for distance in (0.0, 0.5, 2.0)]
    assert found[0] < found[1] < found[2]


def test_channels_that_are_there_twice_change_nothing():
    x, y = features_of(40, 6, 3)
    assert logme(np.column_stack([x, x]), y) == pytest.approx(logme(x, y), abs=1e-6)


def test_features_that_explain_nothing_or_everything_have_finite_evidence():
    alternating = np.tile([1.0, -1.0], 10)[:, None]  # at right angles to the labels
    assert np.isfinite(logme(alternating, np.repeat([0, 1], 10)))
    assert np.isfinite(logme(np.repeat(np.eye(2), 5, axis=0), np.repeat([0, 1], 5)))
