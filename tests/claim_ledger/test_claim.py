"""Intervals and verdicts in closed form."""

from math import exp, log, sqrt

import pytest

from anmok.claims import Claim, Contrast, Finding, Verdict

T2 = 4.302652729911275  # Student's quantile for three values


def finding(*contrasts: Contrast, exact: bool = False, **arms: tuple[float, ...]) -> Finding:
    claim = Claim(
        name="c", hypothesis="h", source="s", protocol="p", contrasts=contrasts, arms=lambda scale: {}, exact=exact
    )
    seeds = zip(*arms.values(), strict=True)
    rows = {
        str(i): {arm: {"x": v, "y": 10 * v} for arm, v in zip(arms, seed, strict=True)} for i, seed in enumerate(seeds)
    }
    return Finding(claim=claim, replicates=rows, data="d", scale=1.0)


def contrast(plus: str = "a", minus: str = "b", **changes) -> Contrast:
    return Contrast(text="t", plus=tuple(plus), minus=tuple(minus), **({"quantity": "x"} | changes))


def test_an_interval_is_students():
    of = contrast()
    it = finding(of, a=(2.0, 4.0, 6.0), b=(1.0, 2.0, 3.0)).interval(of)
    assert it.values == (1, 2, 3)
    assert (it.value, it.low, it.high) == pytest.approx((2, 2 - T2 / sqrt(3), 2 + T2 / sqrt(3)))


def test_arms_are_summed_and_quantities_may_differ():
    of = contrast("ab", "c", against="y")
    assert finding(of, a=(1.0, 2.0), b=(3.0, 4.0), c=(0.1, 0.2)).interval(of).values == pytest.approx((3, 4))
    alone = contrast("a", "")
    assert finding(alone, a=(1.0, 2.0)).interval(alone).values == (1, 2)


def test_a_ratio_is_one_of_products_and_its_interval_is_on_logarithms():
    of = contrast(ratio=True)
    it = finding(of, a=(2.0, 4.0, 8.0), b=(1.0, 1.0, 1.0)).interval(of)
    half = T2 * log(2) / sqrt(3)
    assert (it.value, it.low, it.high) == pytest.approx((4, 4 * exp(-half), 4 * exp(half)))
    assert it.null == 1


def test_equal_values_have_no_width():
    of = contrast()
    it = finding(of, a=(3.0, 3.0), b=(1.0, 1.0)).interval(of)
    assert (it.low, it.value, it.high) == (2, 2, 2)


def test_what_is_exact_has_one_value():
    of = contrast()
    found = finding(of, a=(3.0,), b=(1.0,), exact=True)
    assert (found.interval(of).low, found.verdict) == (2, Verdict.SUPPORTED)


UP, DOWN, OPEN = (5.0, 5.1), (-5.0, -5.1), (-1.0, 1.0)


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        (UP, UP, Verdict.SUPPORTED),
        (UP, OPEN, Verdict.NOT_RESOLVED),
        (OPEN, OPEN, Verdict.NOT_RESOLVED),
        (DOWN, OPEN, Verdict.NOT_SUPPORTED),
        (DOWN, DOWN, Verdict.NOT_SUPPORTED),
        (UP, DOWN, Verdict.IN_PART),
    ],
)
def test_the_verdict_is_that_of_all_that_decides(a, b, verdict):
    deciding = contrast("a", ""), contrast("b", "")
    assert finding(*deciding, a=a, b=b).verdict is verdict
    assert finding(*deciding, contrast("c", "", decides=False), a=a, b=b, c=DOWN).verdict is verdict


def test_a_claim_may_name_what_it_is_above():
    assert finding(contrast("a", "", above=-6.0), a=DOWN).verdict is Verdict.SUPPORTED
    assert finding(contrast("a", "", above=6.0), a=UP).verdict is Verdict.NOT_SUPPORTED
