"""Student's quantile against another implementation and against what it is in closed form."""

from math import inf, pi, sqrt, tan

import pytest
from scipy.stats import t as student

from anmok.evaluation.student import student_quantile


@pytest.mark.parametrize("degrees", [*range(1, 13), 29, 30, 100, 1001])
def test_it_is_scipys(degrees):
    assert student_quantile(degrees) == pytest.approx(student.ppf(0.975, degrees), rel=1e-9)


def test_one_degree_is_cauchys_and_two_are_algebraic():
    assert student_quantile(1) == pytest.approx(tan(0.475 * pi), rel=1e-12)
    assert student_quantile(2) == pytest.approx(0.95 * sqrt(2 / (1 - 0.95**2)), rel=1e-12)


def test_it_falls_towards_the_normal_quantile():
    quantiles = [inf, *(student_quantile(n) for n in (1, 2, 5, 20, 400)), 1.959963984540054]
    assert quantiles == sorted(quantiles, reverse=True)
