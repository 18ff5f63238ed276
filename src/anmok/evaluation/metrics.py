"""Metrics of labels against predictions, with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt

import numpy as np
from jaxtyping import Bool, Float, Int

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
    n, hits = len(correct), int(correct.sum())
    share, z2 = hits / n, _Z95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Proportion(value=share, low=max(0.0, centre - half), high=min(1.0, centre + half), n=n)


def confusion_matrix(
    labels: Int[np.ndarray, " n"], predicted: Int[np.ndarray, " n"], num_classes: int
) -> Int[np.ndarray, "k k"]:
    """How often class i (row) was answered with class j (column)."""
    pairs = labels.astype(np.int64) * num_classes + predicted
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


@dataclass(frozen=True, kw_only=True)
class PairedComparison:
    """Accuracy of a first minus that of a second model on the same images; shares, not points."""

    difference: float
    low: float  # 95 % interval of the difference, paired bootstrap over images
    high: float
    standard_error: float
    p_value: float  # exact McNemar test of "both are equally often right"
    n: int

    @property
    def separable(self) -> bool:
        """Whether both the test and the interval tell the two models apart."""
        return self.p_value < 0.05 and not self.low <= 0.0 <= self.high


def compare_paired(
    first: Bool[np.ndarray, " n"], second: Bool[np.ndarray, " n"], *, draws: int = 10_000, seed: int = 0
) -> PairedComparison:
    """Compare two models image by image.

    Only the images on which one is right and the other wrong carry information; resampling images is
    resampling three numbers (first only, second only, no difference), so one multinomial draw does it.
    """
    n = len(first)
    first_only, second_only = int((first & ~second).sum()), int((second & ~first).sum())
    difference = (first_only - second_only) / n
    shares = [first_only / n, second_only / n, (n - first_only - second_only) / n]
    resampled = np.random.default_rng(seed).multinomial(n, shares, size=draws)
    differences = (resampled[:, 0] - resampled[:, 1]) / n
    low, high = np.quantile(differences, [0.025, 0.975])
    return PairedComparison(
        difference=difference,
        low=float(low),
        high=float(high),
        standard_error=sqrt(max(shares[0] + shares[1] - difference**2, 0.0) / n),
        p_value=mcnemar(first_only, second_only),
        n=n,
    )


def mcnemar(first_only: int, second_only: int) -> float:
    """Two-sided exact p-value that two models are equally often right (McNemar 1947; binomial, no approximation)."""
    trials = first_only + second_only
    tail = sum(comb(trials, i) for i in range(min(first_only, second_only) + 1))
    return float(min(1.0, 2 * tail / 2**trials))


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
