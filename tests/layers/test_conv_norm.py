import pytest
import torch
from torch import nn

from anmok.layers import ConvNorm


@pytest.mark.parametrize("kernel", [1, 3, (1, 7), (5, 3)])
def test_stride_1_keeps_the_size_and_stride_2_halves_it_upwards(kernel):
    x = torch.randn(2, 4, 9, 7)
    assert ConvNorm(4, 6, kernel)(x).shape == (2, 6, 9, 7)
    assert ConvNorm(4, 6, kernel, stride=2)(x).shape == (2, 6, 5, 4)


def test_the_parts_follow_one_another():
    layer = ConvNorm(4, 6, 3, groups=2, act=nn.ReLU, eps=0.5).eval()
    x = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(layer(x), torch.relu(layer.norm(layer.conv(x))))
    assert [*dict(layer.named_children())] == ["conv", "norm", "act"]
    assert (layer.conv.groups, layer.conv.bias, layer.norm.eps) == (2, None, 0.5)
    assert [*dict(ConvNorm(4, 6, 3).named_children())] == ["conv", "norm"]
