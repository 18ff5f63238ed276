import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from anmok.errors import RequestError
from anmok.evaluation.metrics import compare_paired
from anmok.evaluation.segmentation import (
    IGNORED,
    PixelCounts,
    class_dice,
    class_iou,
    contributions,
    count_boundaries,
    count_pixels,
    mean_dice,
    mean_iou,
    of_class,
    pixel_error,
    resampled,
    stack,
    with_interval,
)


def blobs(seed: int, num_classes: int, height: int = 40, width: int = 50) -> np.ndarray:
    """A map of a few large regions."""
    noise = np.random.default_rng(seed).standard_normal((num_classes, height, width))
    return np.stack([ndimage.gaussian_filter(each, 4) for each in noise]).argmax(0)


def counts_of(n: int, num_classes: int = 3) -> PixelCounts:
    """Predictions that are right in most places, of n images."""
    pairs = [(blobs(seed, num_classes), blobs(1000 + seed, num_classes)) for seed in range(n)]
    mixed = [(np.where(np.arange(50) < 30 + i % 9, true, other), true) for i, (true, other) in enumerate(pairs)]
    return stack([count_pixels(predicted, true, num_classes) for predicted, true in mixed])


def test_a_shifted_square_has_the_overlap_that_one_can_count() -> None:
    true, predicted = np.zeros((2, 20, 20), dtype=np.int64)
    true[5:15, 5:15], predicted[5:15, 7:17] = 1, 1
    counts = count_pixels(predicted, true, 2)
    assert (counts.shared.tolist(), counts.predicted.tolist(), counts.true.tolist()) == (
        [280, 80],
        [300, 100],
        [300, 100],
    )
    np.testing.assert_allclose(class_iou(counts), [280 / 320, 80 / 120])
    np.testing.assert_allclose(class_dice(counts), [560 / 600, 160 / 200])
    assert mean_iou(counts) == pytest.approx((280 / 320 + 80 / 120) / 2)
    assert mean_dice(counts) == pytest.approx((560 / 600 + 160 / 200) / 2)
    assert pixel_error(counts) == pytest.approx(40 / 400)


def test_ignored_pixels_count_nowhere() -> None:
    true, predicted = blobs(0, 3), blobs(1, 3)
    true[:, :25] = IGNORED
    whole, half = count_pixels(predicted, true, 3), count_pixels(predicted[:, 25:], true[:, 25:], 3)
    for part in ("shared", "predicted", "true"):
        np.testing.assert_array_equal(getattr(whole, part), getattr(half, part))


def test_a_class_that_is_nowhere_does_not_count_and_one_that_is_only_answered_does() -> None:
    true, predicted = np.zeros((4, 4), dtype=int), np.zeros((4, 4), dtype=int)
    predicted[0, 0] = 1
    pooled = count_pixels(predicted, true, 3)
    np.testing.assert_array_equal(class_iou(pooled), [15 / 16, 0, np.nan])
    assert mean_iou(pooled) == pytest.approx(15 / 32)


@settings(max_examples=20)
@given(st.integers(0, 99), st.integers(2, 5))
def test_dice_follows_from_iou_and_both_from_the_confusion_matrix(seed: int, num_classes: int) -> None:
    true, predicted = blobs(seed, num_classes), blobs(seed + 500, num_classes)
    table = stats.contingency.crosstab(
        true.ravel(), predicted.ravel(), levels=(range(num_classes), range(num_classes))
    ).count
    pooled = count_pixels(predicted, true, num_classes)
    iou = np.diag(table) / np.maximum(table.sum(0) + table.sum(1) - np.diag(table), 1)
    present = table.sum(0) + table.sum(1) > 0
    np.testing.assert_allclose(class_iou(pooled)[present], iou[present])
    np.testing.assert_allclose(class_dice(pooled)[present], (2 * iou / (1 + iou))[present])
    assert 1 - pixel_error(pooled) == pytest.approx(np.trace(table) / table.sum())


@pytest.mark.parametrize("num_classes", [2, 4])
def test_boundaries_are_what_an_erosion_takes_away(num_classes: int) -> None:
    true, predicted = blobs(3, num_classes, 90, 120), blobs(4, num_classes, 90, 120)
    counts = count_boundaries(predicted, true, num_classes)
    steps = round(0.02 * np.hypot(90, 120))
    assert steps == 3
    for label in range(num_classes):
        ours, theirs = (
            mask & ~ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=steps)
            for mask in (predicted == label, true == label)
        )
        expected = ((ours & theirs).sum(), ours.sum(), theirs.sum())
        assert (counts.shared[label], counts.predicted[label], counts.true[label]) == expected


def test_boundary_iou_of_a_shifted_square_is_that_of_two_rings() -> None:
    true, predicted = np.zeros((2, 100, 100), dtype=np.int64)
    true[20:60, 20:60], predicted[20:60, 21:61] = 1, 1  # 2 % of the diagonal are 3 pixels
    ring = 40 * 40 - 34 * 34
    # Both rings are of rows 20-22 and 57-59 in 39 columns, and of two of three columns on either side between these.
    shared = 6 * 39 + 2 * 2 * 34
    counts = count_boundaries(predicted, true, 2)
    assert (counts.shared[1], counts.predicted[1], counts.true[1]) == (shared, ring, ring)
    assert mean_iou(PixelCounts(shared=counts.shared[1:], predicted=counts.predicted[1:], true=counts.true[1:])) == (
        pytest.approx(shared / (2 * ring - shared))
    )


def test_nothing_ends_where_ignored_pixels_begin() -> None:
    true = np.zeros((100, 100), dtype=int)
    true[:, 50:] = IGNORED
    counts = count_boundaries(np.zeros((100, 100), dtype=int), true, 2)
    at_the_border = 100 * 50 - (100 - 6) * (50 - 3)
    assert counts.true.tolist() == counts.predicted.tolist() == counts.shared.tolist() == [at_the_border, 0]


@pytest.mark.parametrize("metric", [mean_iou, mean_dice, pixel_error, of_class(1), of_class(2, class_dice)])
def test_the_interval_is_a_bootstrap_over_images(metric) -> None:
    counts = counts_of(40)
    found = with_interval(metric, counts)

    def statistic(rows: np.ndarray) -> float:
        picked = rows.astype(int)
        parts = (part[picked] for part in (counts.shared, counts.predicted, counts.true))
        shared, predicted, true = parts
        return float(metric(PixelCounts(shared=shared.sum(0), predicted=predicted.sum(0), true=true.sum(0))))

    reference = stats.bootstrap(
        (np.arange(40),),
        statistic,
        vectorized=False,
        n_resamples=1000,
        method="percentile",
        rng=np.random.default_rng(5),
    ).confidence_interval
    assert (found.value, found.n) == (pytest.approx(statistic(np.arange(40))), 40)
    assert found.low < found.value < found.high
    np.testing.assert_allclose([found.low, found.high], reference, atol=0.15 * (found.high - found.low))
    assert with_interval(metric, counts) == found


def test_contributions_average_to_miou_and_spread_as_it_does() -> None:
    counts = counts_of(60)
    each = contributions(counts)
    assert each.mean() == pytest.approx(float(mean_iou(counts.pooled())), abs=1e-12)
    spread = resampled(mean_iou, counts).std()
    assert each.std() / np.sqrt(60) == pytest.approx(spread, rel=0.1)
    # Its derivative by the weight of an image, by a finite difference.
    weights = np.ones(60)
    weights[7] += 1e-6
    slope = (mean_iou(counts.pooled(weights)) - mean_iou(counts.pooled())) / 1e-6
    assert each[7] == pytest.approx(float(each.mean() + 60 * slope), abs=1e-4)


def test_two_networks_are_compared_on_the_same_images() -> None:
    true = [blobs(seed, 3) for seed in range(30)]
    better, worse = (stack([count_pixels(np.roll(each, by, 1), each, 3) for each in true]) for by in (1, 2))
    found = compare_paired(contributions(better), contributions(worse))
    assert found.separable
    assert found.difference == pytest.approx(float(mean_iou(better.pooled()) - mean_iou(worse.pooled())))


def test_counts_of_no_image_are_refused() -> None:
    none = PixelCounts(shared=np.zeros((0, 2)), predicted=np.zeros((0, 2)), true=np.zeros((0, 2)))
    with pytest.raises(RequestError, match=r"^A metric needs an image: got counts of none\. Give one or more\.$"):
        with_interval(mean_iou, none)
