import numpy as np
import pytest
from scipy.stats import t

from anmok.probes.intervals import jackknife


def test_the_jackknife_of_a_mean_is_students_interval():
    values = np.random.default_rng(0).normal(3, 2, 12)
    without = (values.sum() - values) / 11
    low, high = jackknife(without, values.mean())
    assert [low, high] == pytest.approx(t.interval(0.95, 11, values.mean(), values.std(ddof=1) / np.sqrt(12)), rel=1e-3)


def test_two_groups_give_no_interval():
    assert jackknife(np.array([1.0, 2.0]), 1.5) == (None, None)


@pytest.mark.parametrize("groups", [3, 4, 8, 16])
def test_students_quantile(groups):
    values = np.arange(groups, dtype=float)
    low, high = jackknife(values, 0.0)
    error = np.sqrt((groups - 1) / groups * ((values - values.mean()) ** 2).sum())
    assert high == -low
    assert high / error == pytest.approx(t.ppf(0.975, groups - 1), rel=0.04 if groups == 3 else 0.01)
