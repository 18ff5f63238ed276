import pytest
import torch

from anmok.errors import SpecError
from anmok.layers import attend, check_heads


@pytest.mark.parametrize("learns", [False, True])
def test_attention_is_the_softmax_weighted_mean_of_the_values_in_every_head(learns):
    q, k, v = (torch.randn(2, n, 6, dtype=torch.float64) for n in (4, 5, 5))
    bias = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=learns)
    expected = torch.zeros(2, 4, 6, dtype=torch.float64)
    for head in range(3):
        channels = slice(2 * head, 2 * head + 2)
        for image in range(2):
            scores = q[image, :, channels] @ k[image, :, channels].T / 2**0.5 + bias[head]
            weights = scores.exp() / scores.exp().sum(1, keepdim=True)
            expected[image, :, channels] = weights @ v[image, :, channels]
    torch.testing.assert_close(attend(q, k, v, num_heads=3, bias=bias), expected)


@pytest.mark.parametrize("learns", [False, True])
def test_groups_of_places_attend_each_with_its_own_bias(learns):
    q, k, v = torch.randn(3, 2, 7, 4, 6, dtype=torch.float64).unbind(0)
    bias = torch.randn(7, 3, 4, 4, dtype=torch.float64, requires_grad=learns)
    together = attend(q, k, v, num_heads=3, bias=bias)
    apart = [attend(q[:, i], k[:, i], v[:, i], num_heads=3, bias=bias[i]) for i in range(7)]
    torch.testing.assert_close(together, torch.stack(apart, dim=1))


@pytest.mark.parametrize("biased", [False, True])
def test_in_bfloat16_answers_and_gradients_differ_by_rounding_alone(biased):
    inputs = [torch.randn(2, 9, 8).bfloat16() for _ in range(3)]
    bias = torch.randn(2, 9, 9) if biased else None
    upstream = torch.randn(2, 9, 8)

    def trained(dtype):
        leaves = [x.to(dtype).requires_grad_() for x in inputs]
        y = attend(*leaves, num_heads=2, bias=bias)
        y.backward(upstream.to(dtype))
        assert y.dtype == dtype
        return torch.stack([y.detach(), *(leaf.grad for leaf in leaves)]).double()

    exact = trained(torch.float32)
    assert (trained(torch.bfloat16) - exact).norm() < 0.02 * exact.norm()


def test_a_bias_of_minus_infinity_hides_a_value():
    q, k, v = torch.randn(3, 1, 4, 8).unbind(0)
    hidden = torch.zeros(1, 4, 4)
    hidden[:, :, 1] = -torch.inf
    changed = v.clone()
    changed[:, 1] = 100.0
    assert torch.equal(attend(q, k, v, num_heads=2, bias=hidden), attend(q, k, changed, num_heads=2, bias=hidden))


def test_heads_must_divide_the_width():
    check_heads(12, 3)
    with pytest.raises(SpecError) as error:
        check_heads(10, 3)
    assert str(error.value) == (
        "Attention splits its width evenly among heads: got width 10 and 3 heads. Choose a width that 3 divides."
    )
