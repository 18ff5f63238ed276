import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from anmok.layers import ChannelNorm, pad_to_multiple, truncated_normal


def test_channel_norm_standardises_each_place_by_itself():
    x = 5 + 3 * torch.randn(2, 8, 3, 4, dtype=torch.float64)
    norm = ChannelNorm(8, eps=1e-6).double()
    norm.weight.data.uniform_()
    norm.bias.data.uniform_()
    mean, variance = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False)
    expected = (x - mean) / (variance + 1e-6).sqrt() * norm.weight[:, None, None] + norm.bias[:, None, None]
    torch.testing.assert_close(norm(x), expected)


@given(sides=st.tuples(st.integers(1, 20), st.integers(1, 20)), factors=st.tuples(st.integers(1, 8), st.integers(1, 8)))
def test_padding_appends_the_fewest_zeros_that_divide(sides, factors):
    x = torch.randn(1, 2, *sides)
    padded = pad_to_multiple(x, *factors)
    for side, factor, new in zip(sides, factors, padded.shape[2:], strict=True):
        assert new % factor == 0
        assert side <= new < side + factor
    assert torch.equal(padded[:, :, : sides[0], : sides[1]], x)
    assert padded.count_nonzero() == x.count_nonzero()


def test_what_divides_already_is_left_alone():
    x = torch.randn(1, 2, 4, 6)
    assert pad_to_multiple(x, 2, 3) is x


def test_linear_layers_start_with_small_weights_and_no_bias():
    torch.manual_seed(0)
    layer = nn.Linear(400, 400)
    convolution = nn.Conv2d(3, 3, 1)
    before = convolution.weight.clone()
    nn.Sequential(layer, convolution, nn.Linear(2, 2, bias=False)).apply(truncated_normal)
    assert abs(layer.weight.std().item() - 0.02) < 2e-4
    assert not layer.bias.any()
    assert torch.equal(convolution.weight, before)
