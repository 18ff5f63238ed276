"""Metrics of segmentation: counts of pixels in each image, what is read from their sums, and its intervals over images.

Intersections and areas of a class are summed over the images before they are divided, as PASCAL VOC does (Everingham
et al. 2015, sec. 3.4), so that an image with three pixels of a class does not count as much as one full of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Integer, Num

from anmok.data.mask_files import IGNORED as IGNORED
from anmok.errors import RequestError
from anmok.evaluation.metrics import Proportion

BOUNDARY = 0.02  # width of a mask's boundary, as a share of the image's diagonal (Cheng et al. 2021, sec. 5.1)

ClassMap: TypeAlias = Integer[np.ndarray, "height width"]


@dataclass(frozen=True, kw_only=True)
class PixelCounts:
    """How many pixels of each class lie in the prediction, in the truth and in both: by image, or of all together."""

    shared: Num[np.ndarray, "*images k"]
    predicted: Num[np.ndarray, "*images k"]
    true: Num[np.ndarray, "*images k"]

    def __len__(self) -> int:
        """Count the images."""
        return len(self.shared)

    @property
    def union(self) -> Num[np.ndarray, "*images k"]:
        """Pixels of the class in the prediction, the truth, or both."""
        return self.predicted + self.true - self.shared

    def pooled(self, weights: Num[np.ndarray, "*draws n"] | None = None) -> "PixelCounts":
        """Sums over the images, each as often as its weight says, or once."""
        chosen = np.ones(len(self)) if weights is None else weights
        return PixelCounts(shared=chosen @ self.shared, predicted=chosen @ self.predicted, true=chosen @ self.true)


Metric: TypeAlias = Callable[[PixelCounts], Float[np.ndarray, "*draws"]]
"""What is read from pooled counts."""


def count_pixels(predicted: ClassMap, true: ClassMap, num_classes: int) -> PixelCounts:
    """Counts of one image; pixels whose truth is `IGNORED` are left out."""
    known = true != IGNORED
    ours, theirs = predicted[known], true[known]
    parts = (ours[ours == theirs], ours, theirs)
    shared, predicted_areas, true_areas = (np.bincount(part, minlength=num_classes) for part in parts)
    return PixelCounts(shared=shared, predicted=predicted_areas, true=true_areas)


def count_boundaries(predicted: ClassMap, true: ClassMap, num_classes: int) -> PixelCounts:
    """Counts of the pixels of each mask that lie within `BOUNDARY` of its contour, of which boundary IoU is the IoU.

    Cheng et al. 2021, arXiv:2103.16562, eq. 2, with distances as in its code: the larger of rows and columns, and the
    image's border is a contour. Ignored pixels count as of every class, so that nothing ends where they begin.
    """
    known = true != IGNORED
    reach = max(1, round(BOUNDARY * hypot(*true.shape)))
    counts = np.zeros((3, num_classes), dtype=np.int64)
    for label in np.union1d(predicted[known], true[known]):
        ours, theirs = (_edge((mask == label) | ~known, reach) & known for mask in (predicted, true))
        counts[:, label] = (ours & theirs).sum(), ours.sum(), theirs.sum()
    return PixelCounts(shared=counts[0], predicted=counts[1], true=counts[2])


def stack(counts: Sequence[PixelCounts]) -> PixelCounts:
    """One row of counts for each image."""
    return PixelCounts(
        shared=np.stack([each.shared for each in counts]),
        predicted=np.stack([each.predicted for each in counts]),
        true=np.stack([each.true for each in counts]),
    )


def class_iou(pooled: PixelCounts) -> Float[np.ndarray, "*draws k"]:
    """Intersection over union of each class; NaN where there are neither pixels nor answers of it."""
    return _shares(pooled.shared, pooled.union)


def class_dice(pooled: PixelCounts) -> Float[np.ndarray, "*draws k"]:
    """Intersection over the mean area of each class (Dice 1945), the F1 score of its pixels; NaN as above."""
    return _shares(2 * pooled.shared, pooled.predicted + pooled.true)


def mean_iou(pooled: PixelCounts) -> Float[np.ndarray, "*draws"]:
    """mIoU: the mean over the classes that have pixels or answers; of counted boundaries, boundary IoU."""
    return _mean(class_iou(pooled))


def mean_dice(pooled: PixelCounts) -> Float[np.ndarray, "*draws"]:
    """Dice: the mean over the classes that have pixels or answers."""
    return _mean(class_dice(pooled))


def pixel_error(pooled: PixelCounts) -> Float[np.ndarray, "*draws"]:
    """Share of the pixels that are given a wrong class: 1 - pixel accuracy."""
    return np.asarray(1 - _shares(pooled.shared.sum(-1), pooled.true.sum(-1)))


def of_class(label: int, shares: Callable[[PixelCounts], np.ndarray] = class_iou) -> Metric:
    """The metric of one class alone, for `with_interval`."""
    return lambda pooled: shares(pooled)[..., label]


def resampled(metric: Metric, counts: PixelCounts, *, draws: int = 2000, seed: int = 0) -> Float[np.ndarray, " draws"]:
    """The metric over images that are drawn anew, with replacement; the same images of every network for one seed."""
    n = len(counts)
    if n == 0:
        raise RequestError("A metric needs an image: got counts of none. Give one or more.")
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
    return metric(counts.pooled(weights))


def with_interval(metric: Metric, counts: PixelCounts, *, draws: int = 2000, seed: int = 0) -> Proportion:
    """The metric of all images together, and its 95 % percentile interval over images (Efron 1979)."""
    values = resampled(metric, counts, draws=draws, seed=seed)
    low, high = np.nanquantile(values, [0.025, 0.975])
    return Proportion(value=float(metric(counts.pooled())), low=float(low), high=float(high), n=len(counts))


def contributions(counts: PixelCounts) -> Float[np.ndarray, " n"]:
    """What each image contributes to mIoU: their mean is mIoU, and that over drawn images follows it to first order.

    mIoU + n times its derivative by the image's weight (Efron 1982, the infinitesimal jackknife). So models can be
    compared image by image, as by a metric that is a mean.
    """
    pooled = counts.pooled()
    each = (counts.shared - class_iou(pooled) * counts.union) / np.where(pooled.union > 0, pooled.union, np.nan)
    return np.asarray(mean_iou(pooled) + len(counts) * _mean(each))


def _edge(mask: Bool[np.ndarray, "height width"], reach: int) -> Bool[np.ndarray, "height width"]:
    """Pixels of the mask with a pixel outside of it in the square of `reach` around them."""
    side = 2 * reach + 1
    sums = np.pad(np.pad(mask, reach).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return np.asarray(mask & (inside < side * side))


def _shares(parts: Any, wholes: Any) -> np.ndarray:
    return np.asarray(parts / np.where(wholes > 0, wholes, np.nan))


def _mean(values: np.ndarray) -> np.ndarray:
    """Over the last axis, without NaN; NaN where all are."""
    present = ~np.isnan(values)
    return np.asarray(np.where(present, values, 0).sum(-1) / np.where(present.any(-1), present.sum(-1), np.nan))
