"""What the scores are computed from, checked: features or a head's answers, and a label for each image."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int

from anmok.errors import RequestError

Features: TypeAlias = Float[np.ndarray, "n d"]
Probabilities: TypeAlias = Float[np.ndarray, "n z"]
ImageLabels: TypeAlias = Int[np.ndarray, " m"]  # as many as there are images, which is checked in words


@dataclass(frozen=True)
class Labelled:
    """Rows of numbers in float64, one per image, and classes numbered without gaps."""

    rows: Float[np.ndarray, "n d"]
    classes: Int[np.ndarray, " n"]  # of each image: an index into the next two
    counts: Int[np.ndarray, " k"]  # images of each class
    labels: Int[np.ndarray, " k"]  # as they were given

    @property
    def indicators(self) -> Float[np.ndarray, "n k"]:
        """1 where the image is of the class, else 0."""
        return np.eye(len(self.counts))[self.classes]

    def class_means(self, rows: Float[np.ndarray, "n r"]) -> Float[np.ndarray, "k r"]:
        """The mean of each class's rows."""
        return self.indicators.T @ rows / self.counts[:, None]


def check_features(features: np.ndarray, labels: np.ndarray, *, least: int = 1) -> Labelled:
    """Raise `RequestError` where features (n, d) and labels (n,) tell no classes apart; `least` images of each."""
    labelled = _check(features, labels, "Features", least)
    if (labelled.rows == labelled.rows[0]).all():
        raise RequestError(
            f"Features must differ between images: all {len(labelled.rows)} have the same. "
            "Take another network, or look at what it is shown."
        )
    return labelled


def check_probabilities(probabilities: np.ndarray, labels: np.ndarray) -> Labelled:
    """Raise `RequestError` where the rows are not a pretrained head's class probabilities."""
    labelled = _check(probabilities, labels, "Probabilities", 1)
    sums = labelled.rows.sum(1)
    wrong = (labelled.rows < 0).any(1) | (np.abs(sums - 1) > 1e-3)
    if wrong.any():
        raise RequestError(
            f"Probabilities of an image are not negative and sum to 1: {int(wrong.sum())} of {len(wrong)} images "
            "break this. Take the softmax of the logits."
        )
    return labelled


def _check(rows: np.ndarray, labels: np.ndarray, what: str, least: int) -> Labelled:
    if rows.ndim != 2 or labels.shape != rows.shape[:1] or not rows.shape[1]:
        raise RequestError(
            f"{what} are a table with a row and a label for each image: got the shapes {rows.shape} and "
            f"{labels.shape}. Pool feature maps, and give as many labels as rows."
        )
    broken = ~np.isfinite(rows).all(1)
    if broken.any():
        raise RequestError(
            f"{what} are finite numbers: those of {int(broken.sum())} of {len(rows)} images are not. "
            "Run the network in fp32, or leave these images out."
        )
    known, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(known) < 2:
        raise RequestError(
            f"A score tells classes apart, two at least: got {len(rows)} images of {len(known)}. Add another class."
        )
    if counts.min() < least:
        raise RequestError(
            f"Leaving an image out must leave one of its class: class {known[counts.argmin()]} has {counts.min()}. "
            "Add images, or leave the class out."
        )
    return Labelled(rows.astype(np.float64), classes, counts, known)
