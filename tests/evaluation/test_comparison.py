"""Paired comparisons over images and seeds."""

import numpy as np
import pytest
from scipy import stats

from anmok.evaluation.comparison import compare_paired, holm, mcnemar


def test_one_seed_each_is_the_comparison_over_images() -> None:
    random = np.random.default_rng(0)
    first, second = random.random(400) < 0.8, random.random(400) < 0.7
    assert compare_paired(first[None], second[None]) == compare_paired(first, second)


def test_seeds_that_differ_widen_the_interval() -> None:
    random = np.random.default_rng(0)
    image = random.random(500)

    def trained(*shares: float) -> np.ndarray:
        return np.stack([image < share for share in shares])

    alike = compare_paired(trained(0.8, 0.8, 0.8), trained(0.7, 0.7, 0.7))
    unlike = compare_paired(trained(0.9, 0.8, 0.7), trained(0.8, 0.7, 0.6))
    assert alike.difference == pytest.approx(unlike.difference, abs=0.02)
    assert unlike.high - unlike.low > 1.5 * (alike.high - alike.low)
    assert unlike.standard_error > alike.standard_error


def test_the_missing_variance_of_few_seeds_is_stood_in_for() -> None:
    """One seed: all of it; its standard error is the root of the sum of squares."""
    right = np.arange(400) < 300
    found = compare_paired(right, right, training_sd=0.02)
    assert found.standard_error == pytest.approx(0.02 * np.sqrt(2))
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.02 * np.sqrt(2), rel=0.1)
    assert compare_paired(right[None].repeat(4, 0), right, training_sd=0.02).standard_error < found.standard_error


def test_p_values_of_equal_models_are_even() -> None:
    """Of 200 pairs of equal models about 5 % are told apart, and no more."""
    random, told = np.random.default_rng(1), 0
    for _ in range(200):
        difficulty = random.random(300)
        first, second = (np.stack([difficulty + random.normal(0, 0.2, 300) < 0.7 for _ in range(3)]) for _ in "ab")
        told += compare_paired(first, second, training_sd=0.01, draws=1000).separable
    assert told <= stats.binom.ppf(0.99, 200, 0.05)


def test_contributions_that_are_no_right_answers_have_the_error_of_their_paired_difference() -> None:
    random = np.random.default_rng(0)
    first, second = random.gamma(1.0, 1.0, 300).round(1), random.gamma(1.2, 1.0, 300).round(1)
    found = compare_paired(first, second)
    assert found.difference == pytest.approx((first - second).mean())
    assert found.standard_error == pytest.approx(stats.sem(first - second, ddof=0))
    assert found.high - found.low == pytest.approx(2 * 1.96 * found.standard_error, rel=0.05)
    assert found.p_value == pytest.approx(stats.ttest_rel(first, second).pvalue, abs=0.02)


def test_right_answers_are_mcnemars_only_as_booleans() -> None:
    random = np.random.default_rng(0)
    first, second = random.random(400) < 0.8, random.random(400) < 0.70
    exact, resampled = compare_paired(first, second), compare_paired(first.astype(float), second.astype(float))
    assert exact.p_value == mcnemar(int((first & ~second).sum()), int((second & ~first).sum()))
    assert resampled.p_value == pytest.approx(exact.p_value, abs=0.02)
    assert (resampled.low, resampled.high) == (exact.low, exact.high)


def test_very_many_patterns_are_drawn_from_their_normal_limit() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(0.8, 0.3, (2, 4000)), random.normal(0.7, 0.3, (1, 4000))
    many, few = (compare_paired(a[:, :n], b[:, :n]) for a, b, n in ((first, second, 4000), (first, second, 900)))
    for found in (many, few):
        assert found.high - found.low == pytest.approx(2 * 1.96 * found.standard_error, rel=0.1)
    assert compare_paired(first[:1], first[:1]).high == pytest.approx(0.0, abs=1e-9)


def test_holm_is_holms() -> None:
    """By hand: 3 x 0.01, 2 x 0.02, then not below the one before."""
    assert holm({"a": 0.02, "b": 0.01, "c": 0.03}) == pytest.approx({"b": 0.03, "a": 0.04, "c": 0.04})
    assert holm({"a": 0.9, "b": 0.8}) == {"b": 1.0, "a": 1.0}
    assert holm({}) == {}
