import pytest
import torch
from torch import nn

from anmok.layers import Conv2d, ConvNorm, conv_norm

KINDS = {
    "dense": {"kernel_size": 3, "padding": 1},
    "pointwise": {"kernel_size": 1},
    "pointwise with stride": {"kernel_size": 1, "stride": 2},
    "padded pointwise": {"kernel_size": 1, "padding": 1},
    "grouped": {"kernel_size": 3, "groups": 4},
    "depthwise": {"kernel_size": 5, "padding": 2, "stride": 2, "groups": 48},
    "dilated": {"kernel_size": 3, "dilation": 2},
    "reflected": {"kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
    "same": {"kernel_size": 3, "padding": "same"},
}


def results(conv, x):
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    y = conv(x)
    y.pow(2).sum().backward()
    with torch.no_grad():
        again = conv(x)
    return [again, y.detach(), x.grad, *(p.grad for p in conv.parameters())]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("side", [5, 24])  # filters that outweigh the map, and the other way round
def test_every_convolution_and_its_gradients_are_those_of_torch(kind, layout, side):
    torch.manual_seed(0)
    theirs = nn.Conv2d(48, 48, **KINDS[kind]).double()
    ours = Conv2d(48, 48, **KINDS[kind])
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 48, side, side, dtype=torch.float64).contiguous(memory_format=layout)
    for found, expected in zip(results(ours, x.float()), results(theirs, x), strict=True):
        assert found.shape == expected.shape
        assert (found - expected).norm() <= 1e-5 * expected.norm()


@pytest.mark.parametrize("groups", [1, 16])
def test_a_folded_norm_is_the_norm(groups, monkeypatch):
    monkeypatch.setattr(conv_norm, "runs_on_onednn", lambda x: True)  # on any processor
    torch.manual_seed(0)
    layer = ConvNorm(16, 16, 3, groups=groups, act=nn.ReLU)
    for _ in range(3):
        layer(torch.randn(4, 16, 20, 20) * 3 + 1)
    nn.init.normal_(layer.norm.weight)
    nn.init.normal_(layer.norm.bias)
    x = torch.randn(2, 16, 48, 48)
    layer.eval()
    plain = layer(x).detach()
    calls = []
    layer.conv.filter, conv_filter = lambda *given: calls.append(given) or conv_filter(*given), layer.conv.filter
    with torch.no_grad():
        folded = layer(x)
        (call,) = calls
        assert call[2] is not None  # the norm's shift is the bias
        heard = []
        layer.norm.register_forward_hook(lambda *given: heard.append(given))
        torch.testing.assert_close(layer(x), plain)
    torch.testing.assert_close(folded, plain, rtol=1e-5, atol=1e-5)
    assert heard  # a norm that somebody listens to is not folded
