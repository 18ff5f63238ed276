import pytest
import torch

from anmok.layers.activation import Activation


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (Activation.RELU, lambda x: x.clamp(min=0)),
        (Activation.HARD_SWISH, lambda x: x * (x + 3).clamp(0, 6) / 6),
        (Activation.SWISH, lambda x: x / (1 + torch.exp(-x))),
    ],
)
def test_activations_are_those_of_their_names(activation, expected):
    x = torch.linspace(-5, 5, 21, dtype=torch.float64)
    torch.testing.assert_close(activation.layer()(x.clone()), expected(x))


@pytest.mark.parametrize("activation", Activation)
def test_nothing_that_a_gradient_needs_is_written_over(activation):
    x = torch.linspace(-4.3, 4.1, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: activation.layer()(1.1 * x), x)


@pytest.mark.parametrize("activation", Activation)
@torch.no_grad()
def test_inference_needs_no_second_map(activation):
    x = torch.randn(8)
    assert activation.layer()(x) is x
