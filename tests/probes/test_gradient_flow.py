from itertools import pairwise
from math import log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from anmok.catalogue import create_model
from anmok.probes import Status, Subject, pink_noise
from anmok.probes.gradient_flow import METRICS, PROBE, gradient_flow
from small_backbones import fingerprint


def images(n: int = 4, size: int = 8, channels: int = 3) -> torch.Tensor:
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(0))


class Scale(nn.Module):
    """x -> factor * x, though it looks like a block with weights."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.inner = nn.Linear(1, 1)
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x


class Residual(nn.Module):
    def __init__(self, width: int, share: float) -> None:
        super().__init__()
        self.linear, self.share = _drawn(width, 2.0), share

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.share * self.linear(x.relu())


class Brightness(nn.Module):
    """An image's mean, from -2 to 2."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 4 * x.mean((1, 2, 3), keepdim=True).flatten(1) - 2


class Wave(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(1e4 * x).flatten(1)


def _drawn(width: int, gain: float) -> nn.Linear:
    layer = nn.Linear(width, width)
    nn.init.normal_(layer.weight, std=(gain / width) ** 0.5)
    nn.init.zeros_(layer.bias)
    return layer


def mlp(depth: int, width: int, gain: float) -> nn.Module:
    """Rectifiers between layers whose weights have the variance gain / width."""
    torch.manual_seed(0)
    layers = [part for _ in range(depth) for part in (_drawn(width, gain), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers, _drawn(width, gain))


def on_a_line(*middle: nn.Module, width: int = 100) -> nn.Module:
    """A function of one number, as in the paper."""
    first = nn.Linear(1, width)
    nn.init.normal_(first.weight)
    nn.init.normal_(first.bias)
    return nn.Sequential(Brightness(), first, *middle, nn.ReLU(), nn.Linear(width, 1))


def by_name(network, given):
    results = gradient_flow(network, given)
    assert tuple(r.metric for r in results) == tuple(m.name for m in METRICS)
    return {r.metric: r for r in results}


@pytest.mark.parametrize(("gain", "slope"), [(2.0, 0.0), (1.0, log(2) / 2)])
def test_the_slope_of_rectifiers_is_known(gain, slope):
    """He et al. 2015, eq. 14: each layer multiplies the gradient's variance by half of its gain."""
    found = by_name(mlp(16, 588, gain), images(4, 14))["gradient slope"]
    assert found.value == pytest.approx(slope, abs=0.02)
    assert len(found.blocks) == 17
    assert found.norms.shape == (4, 17)


@settings(max_examples=10)
@given(st.floats(0.2, 3.0), st.integers(2, 6))
def test_blocks_that_scale_have_closed_forms(factor, depth):
    found = by_name(nn.Sequential(*(Scale(factor) for _ in range(depth))), images())
    assert found["gradient slope"].value == pytest.approx(-log(factor), abs=1e-5)
    assert found["gradient range"].value == pytest.approx(np.exp(abs(log(factor)) * (depth - 1)), rel=1e-4)
    assert found["branch ratio"].value == pytest.approx(abs(factor - 1), abs=1e-6)
    if abs(factor - 1) > 1e-3:
        assert found["branch cosine"].value == pytest.approx(np.sign(factor - 1), abs=1e-4)
    assert found["gradient autocorrelation"].value == pytest.approx(1)


def test_identity_blocks_are_the_null():
    found = by_name(nn.Sequential(Scale(1.0), Scale(1.0)), images())
    assert found["branch ratio"].value == 0
    assert found["gradient slope"].value == 0
    assert found["gradient range"].value == 1
    assert found["branch cosine"].status is Status.NOT_APPLICABLE
    assert found["branch cosine"].note == "every block that keeps its shape gives back what it takes"


def test_the_ratio_is_the_median_over_blocks():
    found = by_name(nn.Sequential(Scale(1.1), Scale(1.5), Scale(4.0)), images())["branch ratio"]
    assert found.value == pytest.approx(0.5, abs=1e-6)
    np.testing.assert_allclose(found.ratios, [0.1, 0.5, 3.0], atol=1e-6)


def test_a_network_that_is_linear_has_one_gradient():
    found = by_name(nn.Sequential(nn.Flatten(), nn.Linear(192, 5), nn.Linear(5, 3)), images())
    assert found["gradient autocorrelation"].value == pytest.approx(1)
    assert (found["gradient autocorrelation"].n, found["gradient slope"].n) == (2, 4)


def test_gradients_that_are_noise_have_no_autocorrelation():
    found = by_name(nn.Sequential(Wave()), images(8, 32))
    assert found["gradient autocorrelation"].value == pytest.approx(0, abs=0.02)


def test_plain_networks_shatter_with_depth_and_residual_ones_hardly():
    """The trend of Balduzzi et al. 2017, fig. 1, on lines from black to white."""
    ends = torch.arange(8) % 2 * torch.ones(3, 4, 4, 1)
    ends = ends.permute(3, 0, 1, 2)
    torch.manual_seed(0)

    def mean(make):
        return np.mean([by_name(make(), ends)["gradient autocorrelation"].value for _ in range(4)])

    def plain(depth):
        return on_a_line(*(part for _ in range(depth) for part in (nn.ReLU(), _drawn(100, 2.0))))

    def residual(depth):
        return on_a_line(*(Residual(100, 0.1) for _ in range(depth)))

    shallow, deep, deep_residual = mean(lambda: plain(2)), mean(lambda: plain(40)), mean(lambda: residual(40))
    assert deep < 0.5 * shallow
    assert deep_residual > 0.8 * shallow
    assert deep_residual > 2 * deep


def test_the_autocorrelation_of_a_function_of_one_number_is_that_of_its_slope():
    torch.manual_seed(0)
    network = on_a_line(nn.ReLU(), nn.Linear(100, 100))
    ends = torch.stack((torch.zeros(3, 4, 4), torch.ones(3, 4, 4)))
    found = by_name(network, ends)["gradient autocorrelation"]
    x = torch.linspace(-2, 2, 8)[:, None]
    slopes = [float(torch.func.grad(lambda v: network[1:](v[None]).sum())(v).detach()) for v in x]
    products = sum(a * b for a, b in pairwise(slopes))
    energy = sum(a * a for a in slopes[:-1]) * sum(a * a for a in slopes[1:])
    assert found.value == pytest.approx(products / energy**0.5, abs=1e-5)
    assert (found.n, found.low) == (1, None)


def test_layers_that_write_into_their_input_change_nothing():
    def network(inplace):
        torch.manual_seed(0)
        parts = [part for _ in range(4) for part in (nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(inplace=inplace))]
        return nn.Sequential(*parts)

    for first, second in zip(
        gradient_flow(network(True), images()), gradient_flow(network(False), images()), strict=True
    ):
        assert first.value == second.value
        assert (first.low, first.high) == (second.low, second.high)


def test_the_intervals_hold_the_values():
    found = by_name(create_model("resnet_nano", num_classes=3), images(6, 32))
    for name in ("gradient slope", "gradient range", "gradient autocorrelation"):
        assert found[name].low <= found[name].value <= found[name].high


def test_a_network_of_one_layer_has_no_depth():
    found = by_name(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), images())
    for name in ("gradient slope", "gradient range"):
        assert found[name].status is Status.NOT_APPLICABLE
        assert found[name].note == "it compares blocks that a gradient reaches, and this network has 1"
    note = "no block gives the shape that it takes, so none has a branch beside the identity"
    assert found["branch ratio"].note == found["branch cosine"].note == note


class Deaf(nn.Module):
    """Two layers, and an answer that does not depend on them."""

    def __init__(self, factor: float | None) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layers(x)
        return torch.ones(len(x), 2) if self.factor is None else self.factor * y


def test_an_answer_that_depends_on_nothing():
    found = by_name(Deaf(None), images())
    assert found["gradient slope"].note == "it compares blocks that a gradient reaches, and this network has 0"
    assert found["gradient autocorrelation"].note == "no gradient of the output reaches the pixels"


def test_a_gradient_of_zero():
    found = by_name(Deaf(0.0), images())
    assert found["gradient slope"].note == "every image has a block to which no gradient comes"
    assert found["gradient range"].status is Status.NOT_APPLICABLE


def test_a_line_needs_two_images():
    found = by_name(Deaf(1.0), images(1))
    assert found["gradient autocorrelation"].note == "a line needs two images, and one was given"
    assert (found["gradient slope"].n, found["gradient slope"].low) == (1, None)


def test_the_network_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Dropout(), nn.Conv2d(3, 3, 1)).train()
    network(images()).sum().backward()
    network[0].weight.requires_grad_(False)
    before = fingerprint(network)
    with torch.no_grad():
        gradient_flow(network, images())
    assert fingerprint(network) == before
    assert not any(module._forward_pre_hooks for module in network.modules())


@pytest.mark.parametrize("name", ["resnet_nano", "vgg_nano", "vit_nano", "swin_nano", "cmt_nano", "mlp_nano"])
def test_every_kind_of_network_has_its_rows(name):
    network = create_model(name, num_classes=3)
    height, width = network.spec.img_size
    results = PROBE.measure(Subject(name=name, network=network, pixels=pink_noise(4, 3, height, width), source="noise"))
    assert [r.metric for r in results] == [m.name for m in PROBE.metrics]
    assert results[0].status is results[4].status is Status.OK


def test_a_transformer_of_torch_itself():
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(12, 2, 24, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.encoder(
                x.unflatten(2, (4, 2)).unflatten(4, (4, 2)).permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
            )

    found = by_name(Encoder(), images())
    assert len(found["gradient slope"].blocks) == 3
    assert found["branch ratio"].value > 0
