"""Features and head answers to score: classes that overlap, of unequal sizes."""

import numpy as np


def features_of(n: int, d: int, k: int, *, seed: int = 0, distance: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian classes, the first the largest; some channels vary far more than others."""
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.repeat(np.arange(k), 2), random.integers(0, k, n) // 2])[:n]
    spread = np.geomspace(0.2, 3, d)
    means = distance * random.normal(size=(k, d))
    return (means[labels] + random.normal(size=(n, d))) * spread + 5, labels


def answers_of(n: int, z: int, k: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A head's probabilities for its z classes, which have something to do with the labels."""
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(k), random.integers(0, k, n - k)])
    logits = 2 * random.normal(size=(n, z)) + 2 * random.normal(size=(k, z))[labels]
    probabilities = np.exp(logits)
    return probabilities / probabilities.sum(1, keepdims=True), labels
