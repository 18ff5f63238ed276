import copy

import pytest
import torch
from torch import nn

from anmok.layers import Conv2d
from anmok.layers.depthwise import filter_gradient, input_gradient

SHAPES = [(3, 1, 9, 8), (3, 2, 9, 8), (5, 1, 7, 7), (5, 2, 10, 7), (7, 2, 8, 9), (5, 3, 11, 8)]


def pair(kernel, stride, padding, **settings):
    torch.manual_seed(0)
    theirs = nn.Conv2d(6, 6, kernel, stride, padding, groups=6, **settings)
    ours = Conv2d(6, 6, kernel, stride, padding, groups=6, **settings)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def gradients(conv, x, dtype=None):
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16):
        y = conv(x)
    y.float().square().sum().backward()
    return [y.detach(), x.grad, *(parameter.grad for parameter in conv.parameters())]


@pytest.mark.parametrize(("kernel", "stride", "height", "width"), SHAPES)
@pytest.mark.parametrize("padding", [0, "half"])
def test_both_gradients_are_those_of_torch_in_float64(kernel, stride, height, width, padding):
    p = kernel // 2 if padding == "half" else 0
    x = torch.randn(2, 4, height, width, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 1, kernel, kernel, dtype=torch.float64, requires_grad=True)
    y = nn.functional.conv2d(x, weight, None, stride, p, groups=4)
    grad = torch.randn_like(y)
    y.backward(grad)
    settings = ((stride, stride), (p, p))
    torch.testing.assert_close(input_gradient(grad, weight.detach(), x.shape[2:], *settings), x.grad)
    torch.testing.assert_close(filter_gradient(x.detach(), grad, weight.shape[2:], *settings), weight.grad)


@pytest.mark.parametrize(("kernel", "stride", "height", "width"), SHAPES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_layer_trains_as_torchs_does(kernel, stride, height, width, layout):
    ours, theirs = pair(kernel, stride, kernel // 2)
    x = torch.randn(3, 6, height, width).to(memory_format=layout)
    for found, expected in zip(gradients(ours, x), gradients(theirs, x), strict=True):
        assert (found - expected).norm() <= 1e-5 * expected.norm()


@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 1), (5, 2)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_in_bfloat16_it_is_as_exact_as_torch(kernel, stride, layout):
    ours, theirs = pair(kernel, stride, kernel // 2, bias=False)
    exact = copy.deepcopy(theirs)
    x = torch.randn(8, 6, 14, 14).to(memory_format=layout)
    truth = gradients(exact, x)
    found, expected = (gradients(conv, x, torch.bfloat16) for conv in (ours, theirs))
    for mine, yours, true in zip(found, expected, truth, strict=True):
        assert mine.dtype == yours.dtype
        assert (mine - true).norm() <= 2 * (yours - true).norm() + 1e-3 * true.norm()


def test_second_derivatives_exist():
    ours, _ = pair(5, 2, 2)
    weight = ours.weight.detach().double().requires_grad_()
    x = torch.randn(1, 6, 5, 6, dtype=torch.float64, requires_grad=True)

    def filtered(x, weight):
        return torch.func.functional_call(ours, {"weight": weight, "bias": torch.zeros(6, dtype=torch.float64)}, x)

    assert torch.autograd.gradgradcheck(filtered, (x, weight))
