import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anmok.layers import DropPath, drop_path_rates


def test_each_image_is_either_dropped_or_scaled_as_a_whole():
    torch.manual_seed(0)
    dropped = DropPath(0.25)(torch.ones(4000, 2, 3))
    values = dropped.flatten(1)
    assert torch.equal(values, values[:, :1].expand_as(values))
    assert set(values[:, 0].tolist()) == {0.0, float(torch.tensor(1 / 0.75))}
    # 4000 draws: the share has a standard deviation of 0.007.
    assert abs((values[:, 0] == 0).float().mean().item() - 0.25) < 0.03


def test_nothing_is_dropped_in_eval_mode_or_at_rate_zero():
    branch = torch.randn(3, 4)
    assert DropPath(0.9).eval()(branch) is branch
    assert DropPath(0.0)(branch) is branch


def test_the_rate_is_printed():
    assert str(DropPath(0.1)) == "DropPath(rate=0.1)"


def test_rates_rise_linearly_over_all_stages():
    assert drop_path_rates((2, 3), 0.4) == [[0.0, 0.1], pytest.approx([0.2, 0.3, 0.4])]
    assert drop_path_rates((1,), 0.4) == [[0.0]]


@given(depths=st.lists(st.integers(1, 20), min_size=1, max_size=5), last=st.floats(0, 0.99))
def test_every_block_has_a_rate_between_zero_and_the_last(depths, last):
    rates = drop_path_rates(depths, last)
    flat = [rate for stage in rates for rate in stage]
    assert [len(stage) for stage in rates] == depths
    assert flat == sorted(flat)
    assert flat[0] == 0
    assert flat[-1] == pytest.approx(last if len(flat) > 1 else 0)
