import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from anmok.probes.power_law import fit_power_law


@given(st.floats(-3, 3), st.floats(0.01, 100), st.integers(3, 8))
def test_an_exact_law_is_found_exactly(exponent, factor, n):
    x = np.linspace(2, 9, n)
    law = fit_power_law(list(x), list(factor * x**exponent))
    assert law.exponent == pytest.approx((exponent,) * 3, abs=1e-6)


@given(st.integers(0, 1000), st.integers(3, 15))
def test_the_interval_is_that_of_scipys_regression(seed, n):
    rng = np.random.default_rng(seed)
    x = rng.uniform(1, 50, n)
    y = x**1.5 * rng.lognormal(0, 0.2, n)
    fit = stats.linregress(np.log(x), np.log(y))
    half = fit.stderr * stats.t.ppf(0.975, n - 2)
    exponent = fit_power_law(list(x), list(y)).exponent
    assert exponent.value == pytest.approx(fit.slope, rel=1e-9)
    expected = (fit.slope - half, fit.slope + half)
    assert exponent.interval == pytest.approx(expected, rel=0.08 if n > 12 else 1e-3, abs=0.02 if n > 12 else 1e-3)


def test_one_is_reached_where_the_line_says():
    x = np.array([10.0, 20, 30, 40])
    assert fit_power_law(list(x), list((x / 96) ** 1.3)).unity == pytest.approx((96, 96, 96))


def test_nine_of_ten_intervals_of_where_one_is_reached_hold_it():
    rng = np.random.default_rng(0)
    x = np.array([16.0, 25, 49, 81, 121])
    found = [fit_power_law(list(x), list(x / 200 * rng.lognormal(0, 0.05, 5))).unity for _ in range(400)]
    assert np.mean([low <= 200 <= high for _, low, high in found]) == pytest.approx(0.95, abs=0.04)


def test_a_flat_line_has_no_such_place_and_says_so_by_its_interval():
    law = fit_power_law([1, 2, 4, 8], [2, 2.1, 1.9, 2])
    assert law.exponent.low < 0 < law.exponent.high
