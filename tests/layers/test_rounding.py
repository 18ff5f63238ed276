import pytest
from hypothesis import given
from hypothesis import strategies as st

from anmok.layers.rounding import round_depth, round_width


@pytest.mark.parametrize(("width", "rounded"), [(35.2, 32), (44.8, 48), (12, 16), (18, 24), (3, 8), (1408, 1408)])
def test_widths_are_multiples_of_eight_that_lose_at_most_a_tenth(width, rounded):
    assert round_width(width) == rounded


@given(width=st.floats(1, 5000), multiple=st.sampled_from([2, 8, 48]))
def test_a_rounded_width_is_a_near_multiple(width, multiple):
    rounded = round_width(width, multiple)
    assert rounded % multiple == 0
    assert 0.9 * width <= rounded <= width + multiple


def test_depths_are_rounded_upwards_but_not_by_the_error_of_floats():
    assert [round_depth(d) for d in (0.3, 1.0, 2.2, 10 * 1.1)] == [1, 1, 3, 11]
