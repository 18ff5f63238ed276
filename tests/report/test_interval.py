"""Marks in cells lie where the values are."""

import pytest

from anmok.backbone import Kind
from anmok.evaluation.metrics import Proportion
from anmok.report.interval import bar_mark, common_scale, interval_mark

SHARES = [Proportion(value=0.9, low=0.87, high=0.92, n=500), Proportion(value=0.71, low=0.68, high=0.74, n=500)]


def test_common_scale_spans_all_intervals_in_steps_of_5_points() -> None:
    scale = common_scale(SHARES)
    assert (scale.low, scale.high) == pytest.approx((0.65, 0.95))


def test_marks_lie_where_the_values_are() -> None:
    scale = common_scale(SHARES)
    assert f'cx="{scale(0.9):.1f}"' in interval_mark(SHARES[0], Kind.TRANSFORMER, scale)
    assert 'width="104.4"' in bar_mark(SHARES[0])
