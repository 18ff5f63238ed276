import pytest
import torch
from torch import nn

from anmok.layers.local_response_norm import LocalResponseNorm


@pytest.mark.parametrize("channels", [1, 2, 7])
def test_each_value_is_divided_by_the_activity_of_its_neighbours(channels):
    x = 10 * torch.randn(2, channels, 3, 4, dtype=torch.float64)
    expected = torch.empty_like(x)
    for i in range(channels):
        activity = (x[:, max(0, i - 2) : i + 3] ** 2).sum(1)
        expected[:, i] = x[:, i] / (2 + 1e-4 * activity) ** 0.75
    torch.testing.assert_close(LocalResponseNorm()(x), expected)


def test_it_equals_pytorchs_in_values_and_gradients():
    ours, theirs = LocalResponseNorm(k=1.0, alpha=2e-3), nn.LocalResponseNorm(5, alpha=1e-2)
    x = torch.randn(2, 6, 5, 4, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(ours(x), theirs(x))
    (found,), (expected,) = (torch.autograd.grad(norm(x).square().sum(), x) for norm in (ours, theirs))
    torch.testing.assert_close(found, expected)
