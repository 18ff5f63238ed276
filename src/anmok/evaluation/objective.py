"""What a model is to be good at: accuracy, or what the user puts in its place.

Every objective is written as a mean over images, so that intervals, paired comparisons and learning curves are the
same for all: accuracy is the mean of right answers; what is no mean is written as its value plus the influence of
each image on it, by the jackknife (Miller 1974, doi:10.1093/biomet/61.1.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Int, Shaped

from anmok.errors import RunDirectoryError
from anmok.evaluation.error_costs import ErrorCost, cost_matrix
from anmok.evaluation.measurements import AnyOutcome, Outcome, PixelOutcome
from anmok.evaluation.metrics import Proportion, wilson
from anmok.evaluation.segmentation import PixelCounts, contributions

FIRST = 5  # answers that top-5 accuracy looks at


class Goal(StrEnum):
    """The objectives that can be asked for by name, and that of a table of costs."""

    ACCURACY = "accuracy"
    BALANCED_ACCURACY = "balanced-accuracy"
    MACRO_F1 = "macro-f1"
    TOP5 = "top5"
    AVOIDED_COST = "avoided-cost"
    MEAN_IOU = "mean-iou"


_TITLES: Mapping[Goal, tuple[str, str]] = MappingProxyType(
    {
        Goal.ACCURACY: ("accuracy", "the share of the images answered right"),
        Goal.BALANCED_ACCURACY: ("balanced accuracy", "the share of right answers, averaged over the classes"),
        Goal.MACRO_F1: ("macro-F1", "the harmonic mean of precision and recall, averaged over the classes"),
        Goal.TOP5: ("top-5 accuracy", "the share of the images whose class is among the five most probable"),
        Goal.AVOIDED_COST: (
            "avoided cost",
            "1 minus the cost of the errors over that of the dearest on every image",
        ),
        Goal.MEAN_IOU: ("mIoU", "the overlap of answered and true pixels over their union, averaged over the classes"),
    }
)


@dataclass(frozen=True)
class Objective:
    """What models are compared by: 1 is perfect, and 0 the worst that there is."""

    goal: Goal = Goal.ACCURACY
    costs: tuple[ErrorCost, ...] = ()  # of the avoided cost
    classes: tuple[str, ...] = ()  # that the costs are about, in the order of the labels

    @property
    def title(self) -> str:
        """Its name in a sentence."""
        return _TITLES[self.goal][0]

    @property
    def one(self) -> str:
        """The same with its article."""
        spoken = self.title[0] in "aeiou" or self.goal is Goal.MEAN_IOU  # em-eye-oh-you
        return f"{'an' if spoken else 'a'} {self.title}"

    @property
    def definition(self) -> str:
        """What it is, after "is"."""
        return _TITLES[self.goal][1]

    @property
    def is_accuracy(self) -> bool:
        """Whether it is what is meant when nothing else is said."""
        return self.goal is Goal.ACCURACY

    @cached_property
    def _matrix(self) -> Float[np.ndarray, "k k"]:
        return cost_matrix(self.costs, self.classes)

    def contributions(self, outcome: AnyOutcome) -> Shaped[np.ndarray, " n"]:
        """What each image adds; the mean is the objective, the variance over n its sampling variance.

        Booleans where an image is answered right or wrong, else floats, which may lie outside [0, 1].
        """
        if isinstance(outcome, PixelOutcome):
            counts = PixelCounts(shared=outcome.shared, predicted=outcome.answered, true=outcome.true)
            return contributions(counts)
        labels, predicted = outcome.labels, outcome.predicted
        match self.goal:
            case Goal.ACCURACY:
                return outcome.correct
            case Goal.BALANCED_ACCURACY:
                return _balanced_accuracy(labels, predicted)
            case Goal.MACRO_F1:
                return _macro_f1(labels, predicted)
            case Goal.AVOIDED_COST:
                return _avoided_cost(self._matrix[labels, predicted], self._matrix.max(1)[labels])
        if outcome.rank is None:
            raise RunDirectoryError(
                "Top-5 accuracy needs the rank of every image's class, and this run was recorded without. "
                "Choose another --out."
            )
        return outcome.rank < FIRST

    def mean_cost(self, score: float, outcome: Outcome) -> float:
        """Cost of an image's answer on the mean, in the unit of the table, of a model with this avoided cost."""
        return (1 - score) * float(self._matrix.max(1)[outcome.labels].mean())


PLAIN_ACCURACY = Objective()


def estimate(contributions: Shaped[np.ndarray, "*seeds n"]) -> Proportion:
    """The mean over images and seeds with the Wilson score interval, by the variance of the contributions."""
    mean = float(contributions.mean())
    return wilson(min(max(mean, 0.0), 1.0), contributions.shape[-1], dispersion=dispersion(contributions))


def dispersion(*contributions: Shaped[np.ndarray, "*seeds n"]) -> float:
    """How much more the contributions vary than right and wrong answers of the same mean p would: variance / p (1 - p).

    Pooled over several models; 1 for right and wrong answers. It is the design effect of Kish 1965, sec. 8.2.
    """
    rows = [row for part in contributions for row in np.atleast_2d(part)]
    if all(row.dtype == np.bool_ for row in rows):
        return 1.0
    means = [min(max(float(row.mean()), 0.0), 1.0) for row in rows]
    usual = sum(p * (1 - p) for p in means)
    varied = sum(float(row.var()) for row in rows)
    return varied / usual if usual > 1e-9 and varied > 0 else 1.0


def _balanced_accuracy(labels: Int[np.ndarray, " n"], predicted: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    right = labels == predicted
    images, hits = np.bincount(labels), np.bincount(labels, weights=right)
    recall, classes = _ratio(hits, images), (images > 0).sum()
    without = _ratio(hits[labels] - right, images[labels] - 1) - recall[labels]
    return _spread_out(recall.sum() / classes, without / classes)


def _macro_f1(labels: Int[np.ndarray, " n"], predicted: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """As `metrics.macro_f1`, over the classes that have images or answers."""
    right, size = labels == predicted, int(max(labels.max(), predicted.max())) + 1
    hits = np.bincount(labels[right], minlength=size)
    both = np.bincount(labels, minlength=size) + np.bincount(predicted, minlength=size)
    f1, classes = _ratio(2 * hits, both), (both > 0).sum()
    mistaken = sum(_ratio(2 * hits[of], both[of] - 1) - f1[of] for of in (labels, predicted))
    without = np.where(right, _ratio(2 * (hits[labels] - 1), both[labels] - 2) - f1[labels], mistaken)
    return _spread_out(f1.sum() / classes, without / classes)


def _avoided_cost(cost: Float[np.ndarray, " n"], dearest: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    whole = 1 - float(cost.sum()) / (float(dearest.sum()) or 1.0)
    return _spread_out(whole, 1 - _ratio(cost.sum() - cost, dearest.sum() - dearest) - whole)


def _spread_out(whole: float, change: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Jackknife pseudo-values around the whole, from the change that leaving out each image makes.

    Their own mean departs from the whole by O(1 / n); that is taken off, so that the mean is the metric as it is known.
    """
    return whole + (len(change) - 1) * (change.mean() - change)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Their ratio, 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=np.asarray(whole) > 0)
