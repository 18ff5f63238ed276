import torch
from torch import nn

from anmok.layers import SqueezeExcite


def test_the_gate_is_the_papers_formula_in_float64():
    layer, x = SqueezeExcite(6, 2).double(), torch.randn(3, 6, 5, 4, dtype=torch.float64)
    w1, w2 = layer.reduce.weight[:, :, 0, 0], layer.expand.weight[:, :, 0, 0]
    z = x.sum((2, 3)) / 20
    s = 1 / (1 + torch.exp(-(torch.clamp(z @ w1.T + layer.reduce.bias, min=0) @ w2.T + layer.expand.bias)))
    torch.testing.assert_close(layer(x), x * s[:, :, None, None])


def test_activation_and_gate_are_a_matter_of_choice():
    layer = SqueezeExcite(4, 2, activation=nn.SiLU, gate=nn.Hardsigmoid)
    layer.expand.weight.data.zero_()
    layer.expand.bias.data.fill_(9)  # a hard sigmoid is exactly 1 from 3 on
    x = torch.randn(2, 4, 3, 3)
    assert torch.equal(layer(x), x)
    assert isinstance(layer.activation, nn.SiLU)
