import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from anmok.evaluation.metrics import (
    accuracy,
    calibration_error,
    class_scores,
    compare_paired,
    confusion_matrix,
    macro_f1,
    mcnemar,
)


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (10, 10), (7, 10), (431, 500)])
def test_interval_is_wilsons(hits: int, n: int) -> None:
    share = accuracy(np.arange(n) < hits)
    expected = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert (share.value, share.n) == (hits / n, n)
    np.testing.assert_allclose([share.low, share.high], [expected.low, expected.high], atol=1e-12)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_exact_binomial_test(first_only: int, second_only: int) -> None:
    n = first_only + second_only
    expected = stats.binomtest(first_only, n).pvalue if n else 1.0
    assert mcnemar(first_only, second_only) == pytest.approx(expected, abs=1e-9)


def test_confusion_matrix_counts_pairs() -> None:
    labels, predicted = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0])
    np.testing.assert_array_equal(confusion_matrix(labels, predicted, 3), [[1, 1, 0], [0, 1, 0], [1, 0, 0]])


def test_paired_comparison_agrees_with_a_bootstrap_over_images() -> None:
    random = np.random.default_rng(0)
    first, second = random.random(400) < 0.8, random.random(400) < 0.6
    found = compare_paired(first, second)
    reference = stats.bootstrap(
        (first.astype(float) - second,),
        np.mean,
        n_resamples=4000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert found.difference == pytest.approx(first.mean() - second.mean())
    np.testing.assert_allclose([found.low, found.high], reference, atol=0.006)
    difference = first.astype(float) - second
    assert found.standard_error == pytest.approx(difference.std() / np.sqrt(400))
    assert found.separable


def test_equal_models_are_not_separable() -> None:
    right = np.arange(100) < 80
    found = compare_paired(right, right)
    assert (found.difference, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert not found.separable


@given(st.lists(st.booleans(), min_size=2, max_size=40), st.randoms(use_true_random=False))
def test_swapping_the_models_mirrors_the_comparison(answers: list[bool], random) -> None:
    first = np.array(answers)
    second = np.array([random.random() < 0.5 for _ in answers])
    one, other = compare_paired(first, second, draws=200), compare_paired(second, first, draws=200)
    assert one.difference == -other.difference
    assert one.p_value == other.p_value


def test_class_scores_and_macro_f1_agree_with_scikit_learn_on_paper() -> None:
    """Class 0: 3 images, 2 recognised, 3 answers; class 1 has no image; class 3 neither images nor answers."""
    confusion = confusion_matrix(np.array([0, 0, 0, 2, 2]), np.array([0, 0, 1, 2, 0]), 4)
    first, second, third = class_scores(confusion)
    assert (first.label, first.images, first.predicted, first.precision) == (0, 3, 3, 2 / 3)
    assert first.recall is not None
    assert (first.recall.value, first.recall.n) == (2 / 3, 3)
    assert (second.recall, second.precision, second.f1) == (None, 0.0, 0.0)
    assert (third.precision, third.f1) == (1.0, 2 / 3)
    assert macro_f1([first, second, third]) == pytest.approx((2 / 3 + 0 + 2 / 3) / 3)


def test_calibration_error_is_the_gap_of_each_bin_weighed_by_its_images() -> None:
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.5, 0.5])
    correct = np.array([True, True, True, False, False, True])
    assert calibration_error(confidence, correct) == pytest.approx((4 * (0.9 - 0.75) + 0) / 6)
    assert calibration_error(np.array([1.0, 1.0]), np.array([True, True])) == 0
