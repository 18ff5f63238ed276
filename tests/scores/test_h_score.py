import numpy as np
import pytest
from small_features import features_of

from anmok.scores import h_score, shrunk_h_score


def covariances(x, y):
    """Of the features, and of the class means that stand in their places."""
    means = np.stack([x[y == label].mean(0) for label in y])
    return np.cov(x, rowvar=False), np.cov(means, rowvar=False)


def intensity(x):
    """Ledoit and Wolf's, image by image."""
    n, d = x.shape
    x = x - x.mean(0)
    sample = x.T @ x / n
    target = np.trace(sample) / d * np.eye(d)
    error = sum(((np.outer(row, row) - sample) ** 2).sum() for row in x) / n**2
    return min(1.0, error / ((sample - target) ** 2).sum()), target


def test_it_is_what_its_definition_says():
    x, y = features_of(50, 6, 3)
    total, between = covariances(x, y)
    assert h_score(x, y) == pytest.approx(np.trace(np.linalg.inv(total) @ between))


def test_any_invertible_map_of_the_features_leaves_it_alone():
    x, y = features_of(50, 6, 3)
    turned = x @ np.random.default_rng(1).normal(size=(6, 6)) - 3
    assert h_score(turned, y) == pytest.approx(h_score(x, y))
    assert h_score(np.column_stack([x, x]), y) == pytest.approx(h_score(x, y))


def test_it_reaches_its_bounds():
    y = np.repeat(np.arange(4), 10)
    assert h_score(np.eye(4)[y], y) == pytest.approx(3)  # the classes less one
    assert h_score(np.tile(np.arange(10.0), 4)[:, None], y) == pytest.approx(0)  # equal means


@pytest.mark.parametrize("shape", [(50, 6, 3), (20, 35, 4)])
def test_the_shrunk_one_is_what_its_definition_says(shape):
    x, y = features_of(*shape)
    n = len(x)
    total, between = ((n - 1) / n * covariance for covariance in covariances(x, y))
    share, target = intensity(x)
    expected = np.trace(np.linalg.inv((1 - share) * total + share * target) @ ((1 - share) * between))
    assert 0 < share < 1
    assert shrunk_h_score(x, y) == pytest.approx(expected)


def test_a_single_channel_needs_no_shrinkage_and_has_no_other():
    x, y = features_of(20, 1, 2)
    assert shrunk_h_score(x, y) == pytest.approx(h_score(x, y))
