"""Scales and ticks have exact answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anmok.report.scale import Scale, linear_ticks, log_ticks, padded


def test_linear_scale_maps_ends_and_middle() -> None:
    scale = Scale(10.0, 20.0, 100.0, 300.0)
    assert [scale(v) for v in (10, 15, 20)] == [100.0, 200.0, 300.0]


def test_axis_may_point_upward() -> None:
    scale = Scale(0.0, 1.0, 400.0, 0.0)
    assert scale(0.25) == 300.0


def test_log_scale_maps_equal_ratios_to_equal_steps() -> None:
    scale = Scale(1.0, 100.0, 0.0, 50.0, log=True)
    assert scale(10.0) == pytest.approx(25.0)
    assert scale(2.0) - scale(1.0) == pytest.approx(scale(20.0) - scale(10.0))


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [
        (0.0, 1.0, 6, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.61, 0.97, 4, [0.7, 0.8, 0.9]),
        (72.5, 97.5, 11, [72.5, 75.0, 77.5, 80.0, 82.5, 85.0, 87.5, 90.0, 92.5, 95.0, 97.5]),
        (-0.3, 0.3, 3, [-0.2, 0.0, 0.2]),
    ],
)
def test_linear_ticks(low: float, high: float, most: int, ticks: list[float]) -> None:
    assert linear_ticks(low, high, most) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [
        (1.0, 100.0, 8, [1, 2, 5, 10, 20, 50, 100]),
        (1.0, 100.0, 4, [1, 10, 100]),
        (0.1, 5.0, 10, [0.1, 0.2, 0.5, 1, 2, 5]),
        (2.1, 2.4, 4, [2.1, 2.2, 2.3, 2.4]),
        (1.0, 1e9, 4, [1, 1e3, 1e6, 1e9]),
    ],
)
def test_log_ticks(low: float, high: float, most: int, ticks: list[float]) -> None:
    assert log_ticks(low, high, most) == pytest.approx(ticks)


@given(
    low=st.floats(1e-4, 1e4),
    ratio=st.floats(1.01, 1e6),
    most=st.integers(3, 12),
    log=st.booleans(),
)
def test_ticks_lie_inside_rise_and_are_few(low: float, ratio: float, most: int, log: bool) -> None:
    scale = Scale(low, low * ratio, 0.0, 1.0, log=log)
    ticks = scale.ticks(most)
    assert 2 <= len(ticks) <= most
    assert ticks == sorted(set(ticks))
    assert low * (1 - 1e-6) <= ticks[0]
    assert ticks[-1] <= low * ratio * (1 + 1e-6)


def test_padded_ranges() -> None:
    assert padded(1.0, 2.0, 0.1) == pytest.approx((0.9, 2.1))
    assert padded(1.0, 100.0, 0.5, log=True) == pytest.approx((0.1, 1000.0))
    assert padded(3.0, 3.0, 0.1) == pytest.approx((2.95, 3.05))
    assert padded(3.0, 3.0, 0.1, log=True) == pytest.approx((2.0, 4.5))
