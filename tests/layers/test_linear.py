import pytest
import torch
from torch import nn
from torch.nn.functional import linear
from torch.utils.flop_counter import FlopCounterMode

from anmok.layers import Linear
from anmok.layers.linear import product, runs_on_onednn


def pair(shape, width=96, bias=True):
    torch.manual_seed(0)
    x = torch.randn(*shape, dtype=torch.float64)
    weight = torch.randn(width, shape[-1], dtype=torch.float64)
    return x, weight, torch.randn(width, dtype=torch.float64) if bias else None


@pytest.mark.parametrize("shape", [(5, 24), (400, 64), (3, 130, 64), (2, 7, 11, 80), (1, 6, 7_000)])
@pytest.mark.parametrize("bias", [True, False])
def test_the_product_is_that_of_float64(shape, bias):
    x, weight, shift = pair(shape, bias=bias)
    with torch.no_grad():
        found = product(x.float(), weight.float(), None if shift is None else shift.float())
    expected = linear(x, weight, shift)
    assert found.shape == expected.shape
    assert (found - expected).norm() <= 1e-6 * expected.norm()


@pytest.mark.parametrize("shape", [(400, 64), (3, 130, 64), (2, 9, 11, 80)])
def test_all_gradients_are_those_of_float64(shape):
    wide = [t.requires_grad_() for t in pair(shape)]
    narrow = [t.detach().float().requires_grad_() for t in wide]
    linear(*wide).pow(3).sum().backward()
    product(*narrow).pow(3).sum().backward()
    for ours, theirs in zip(narrow, wide, strict=True):
        assert (ours.grad - theirs.grad).norm() <= 1e-5 * theirs.grad.norm()


def test_gradients_can_be_differentiated_again():
    wide = [t.requires_grad_() for t in pair((3, 130, 64))]
    narrow = [t.detach().float().requires_grad_() for t in wide]

    def curvature(function, tensors):
        (slope,) = torch.autograd.grad(function(*tensors).pow(3).mean(), tensors[0], create_graph=True)
        return torch.autograd.grad(slope.square().sum(), tensors)

    for ours, theirs in zip(curvature(product, narrow), curvature(linear, wide), strict=True):
        assert (ours - theirs).norm() <= 1e-4 * theirs.norm()


def test_an_activation_may_overwrite_the_answer():
    x, weight, bias = (t.float() for t in pair((3, 130, 64)))
    layer = torch.nn.Sequential(Linear(64, 96), nn.ReLU(inplace=True))
    layer.load_state_dict({"0.weight": weight, "0.bias": bias})
    layer(x).sum().backward()
    expected = weight.new_ones(3, 130, 96)[layer(x) > 0]
    assert layer[0].bias.grad.sum() == expected.sum()


def test_what_needs_no_gradient_gets_none():
    x, weight, bias = (t.float() for t in pair((400, 64)))
    product(x, weight.requires_grad_(), bias).sum().backward()
    assert weight.grad is not None
    assert x.grad is None
    assert bias.grad is None


def test_strided_rows_are_taken_as_they_are():
    maps = torch.randn(2, 64, 20, 21)
    weight, bias = torch.randn(96, 64), torch.randn(96)
    with torch.no_grad():
        found = product(maps[:, :, ::2, ::2].permute(0, 2, 3, 1), weight, bias)
    torch.testing.assert_close(
        found, linear(maps[:, :, ::2, ::2].permute(0, 2, 3, 1), weight, bias), rtol=1e-4, atol=1e-4
    )


@pytest.mark.compile
@pytest.mark.filterwarnings("ignore:.*deprecated")
def test_a_traced_graph_holds_only_public_operators():
    traced = torch.jit.trace(Linear(64, 96).requires_grad_(False), torch.randn(400, 64))
    assert "mkldnn" not in str(traced.inlined_graph)


def test_multiplications_are_counted():
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        Linear(64, 96)(torch.randn(3, 400, 64))
    assert counter.get_total_flops() == 2 * 3 * 400 * 64 * 96


def test_autocast_and_other_precisions_are_left_to_torch():
    layer, x = Linear(64, 96), torch.randn(400, 64)
    with torch.autocast("cpu", torch.bfloat16):
        assert not runs_on_onednn(x)
        assert layer(x).dtype == torch.bfloat16
    assert layer.double()(x.double()).dtype == torch.float64
    assert isinstance(layer, nn.Linear)
