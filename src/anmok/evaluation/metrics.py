"""Metrics of labels against predictions, with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from jaxtyping import Bool, Float, Int

from anmok.evaluation.comparison import PairedComparison as PairedComparison
from anmok.evaluation.comparison import compare_paired as compare_paired
from anmok.evaluation.comparison import mcnemar as mcnemar

_Z95 = 1.959963984540054  # standard normal quantile of 0.975


@dataclass(frozen=True, kw_only=True)
class Proportion:
    """A share with its 95 % interval; all in [0, 1]."""

    value: float
    low: float
    high: float
    n: int


def accuracy(correct: Bool[np.ndarray, " n"]) -> Proportion:
    """Share of right answers with the Wilson score interval.

    Wilson 1927; it stays inside [0, 1] and covers well also near 0 and 1, where value +- 2 standard errors fails.
    """
    return wilson(int(correct.sum()) / len(correct), len(correct))


def wilson(share: float, n: int, *, dispersion: float = 1.0) -> Proportion:
    """The same of a share of n images that was counted elsewhere.

    `dispersion` is how many times the variance of a share it has: n / dispersion is the effective sample size
    (Korn & Graubard 1998).
    """
    z2, size = _Z95**2, n / dispersion
    centre = (share + z2 / (2 * size)) / (1 + z2 / size)
    half = _Z95 / (1 + z2 / size) * sqrt(share * (1 - share) / size + z2 / (4 * size * size))
    return Proportion(value=share, low=max(0.0, centre - half), high=min(1.0, centre + half), n=n)


def confusion_matrix(
    labels: Int[np.ndarray, " n"], predicted: Int[np.ndarray, " n"], num_classes: int
) -> Int[np.ndarray, "k k"]:
    """How often class i (row) was answered with class j (column)."""
    pairs = labels.astype(np.int64) * num_classes + predicted
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """How one class fares."""

    label: int
    images: int
    predicted: int  # how often it was answered
    recall: Proportion | None  # share of its images that were recognised; None where there are none
    precision: float | None  # share of these answers that were right; None where there were none
    f1: float  # harmonic mean of the two; 0 where the class was never recognised


def class_scores(confusion: Int[np.ndarray, "k k"]) -> list[ClassScore]:
    """Recall, precision and F1 of every class that has images or answers."""
    scores = []
    for label in range(len(confusion)):
        hits, images, answers = (
            int(confusion[label, label]),
            int(confusion[label].sum()),
            int(confusion[:, label].sum()),
        )
        if images + answers == 0:
            continue
        scores.append(
            ClassScore(
                label=label,
                images=images,
                predicted=answers,
                recall=accuracy(np.arange(images) < hits) if images else None,
                precision=hits / answers if answers else None,
                f1=2 * hits / (images + answers),
            )
        )
    return scores


def macro_f1(scores: Sequence[ClassScore]) -> float:
    """The mean over classes, so that a rare class counts as much as a frequent one."""
    return sum(score.f1 for score in scores) / len(scores)


def calibration_error(confidence: Float[np.ndarray, " n"], correct: Bool[np.ndarray, " n"], *, bins: int = 15) -> float:
    """How far confidence and accuracy lie apart, on the mean over images.

    Expected calibration error over bins of equal width (Guo et al. 2017, arXiv:1706.04599, eq. 3).
    """
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(bin_of, weights=correct - confidence.astype(np.float64), minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))
