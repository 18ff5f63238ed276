from math import sqrt

import numpy as np
import pytest
import torch
from torch import nn

from anmok.catalogue import create_model
from anmok.probes import Status, Subject, pink_noise
from anmok.probes.receptive_field import METRICS, PROBE
from anmok.probes.run import ask
from small_backbones import Stack, box_filter, fingerprint


def look(network: nn.Module, size: int = 17, count: int = 3, channels: int = 3):
    pixels = torch.randint(256, (count, channels, size, size), generator=torch.Generator().manual_seed(0))
    found = ask(PROBE, Subject(name="a", network=network, pixels=pixels.to(torch.uint8), source="noise"))
    assert [(row.metric, row.definition, row.unit) for row in found] == [tuple(metric) for metric in METRICS]
    return found


class Everywhere(nn.Module):
    """The image's mean at every place."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3), keepdim=True).expand_as(x)


class Silent(nn.Module):
    """Answers, and keeps to itself how."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return self.layer(x)


def distances(side: int) -> np.ndarray:
    """Between all pairs of pixels of a square."""
    places = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    return np.sqrt(((places[:, None] - places) ** 2).sum(-1))


def test_a_place_of_its_own_pixel_is_the_null():
    theoretical, effective, sigma, distance, distant = look(Stack(nn.Identity()))
    assert [row.value for row in (theoretical, effective, sigma, distance, distant)] == [1, 1, 0, 0, 0]


def test_a_reader_of_everything_has_the_mean_distance_between_pixels():
    """Sixteen images look at all sixteen places, and at the opposite of each."""
    *_, distance, distant = look(Stack(Everywhere()), 4, 16)
    assert distance.value == pytest.approx(distances(4).mean())
    assert distant.value == pytest.approx((distances(4) > 2).mean())
    assert distances(64).mean() / 64 == pytest.approx(0.5214, abs=1e-3)  # what the docstring says of large images


@pytest.mark.parametrize("side", [3, 5, 7])
def test_the_sigma_of_a_box_filter_is_known(side):
    """Luo et al. 2016: variance (k^2 - 1) / 12 along each axis."""
    sigma = look(Stack(box_filter(side)))[2]
    assert sigma.value == pytest.approx(sqrt((side**2 - 1) / 12))
    assert sigma.axes == pytest.approx((sigma.value, sigma.value))


def test_the_sigma_of_random_convolutions_is_that_of_uniform_ones():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3 if i == 0 else 64, 64, 3, padding=1, bias=False) for i in range(5)]
    sigma = look(Stack(*layers), 25, 16)[2]
    assert sigma.value**2 == pytest.approx(5 * 8 / 12, rel=0.15)


def test_the_squared_field_of_two_box_filters():
    sigma = look(Stack(box_filter(3), box_filter(3)))[2]
    weights = np.array([1, 2, 3, 2, 1]) ** 2
    assert sigma.value**2 == pytest.approx((weights * np.arange(-2, 3) ** 2).sum() / weights.sum())


def test_distances_are_from_where_fields_are_centred():
    """A stride's first pixel is as near as can be; a patch has the mean distance from its centre."""
    first = look(Stack(nn.Conv2d(3, 3, 1, stride=4)), 16)
    assert first[3].value == pytest.approx(0, abs=1e-6)
    patches = nn.Conv2d(3, 3, 4, stride=4)
    nn.init.constant_(patches.weight, 1.0)
    offsets = np.arange(4) - 1.5
    found = look(Stack(patches), 16)[3]
    assert found.value == pytest.approx(np.hypot(offsets[:, None], offsets).mean())
    assert found.outside != found.outside  # nothing is


def test_half_of_the_gradient():
    """The inner square of two box filters holds 60 %, one of side 2 only 31 %."""
    effective = look(Stack(box_filter(3), box_filter(3)))[1]
    assert (effective.value, effective.low, effective.high, effective.n) == (3, 3, 3, 3)
    assert float(effective.heat.sum()) == pytest.approx(1)


def test_nothing_depends_on_the_scale_of_the_weights():
    network = Stack(*(nn.Conv2d(3, 3, 3, padding=1, bias=False) for _ in range(2)))
    before = look(network)
    with torch.no_grad():
        network.stages[1].weight.mul_(1000)
    assert [row.value for row in look(network)] == pytest.approx([row.value for row in before])


def test_reasons():
    dead = look(Stack(nn.Threshold(2.0, 0.0)))
    assert [row.note for row in dead[1:]] == ["no gradient of the middle place reaches the pixels"] * 2 + [
        "no gradient of any place reaches the pixels"
    ] * 2
    silent = look(Silent(nn.Sequential(nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3))))
    assert silent[0].value == 5
    assert {row.note for row in silent[1:]} == {"the network answers without gradients"}
    flat = look(create_model("mlp_nano", num_classes=3), 32)
    assert {row.note for row in flat} == {"no feature map with more than one place was found"}
    assert {row.status for row in flat} == {Status.NOT_APPLICABLE}


def test_attention_looks_further_than_convolutions_beside_its_own_cell():
    attention = look(create_model("vit_nano", num_classes=3), 32)[3]
    convolutions = look(create_model("efficientnet_nano", num_classes=3), 32)[3]
    assert attention.outside > 2 * convolutions.outside
    assert attention.value < convolutions.value  # the residual path leads to the own patch


def test_the_network_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Dropout(), nn.Conv2d(3, 3, 3)).train()
    network[1].eval()
    network[0].weight.requires_grad_(False)
    network(torch.rand(2, 3, 8, 8)).sum().backward()
    before = fingerprint(network)
    look(network)
    assert fingerprint(network) == before


PLAIN = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, 2, 1), nn.Flatten(), nn.LazyLinear(3))


@pytest.mark.parametrize("kind", ["resnet_nano", "vit_nano", "cmt_nano", "localvit_tnt_nano", PLAIN])
def test_every_kind_has_every_number(kind):
    network = create_model(kind, num_classes=3) if isinstance(kind, str) else kind
    channels = 3 if isinstance(kind, str) else 1
    network(pink_noise(1, channels, 32, 32) / 255)
    found = look(network, 32, 3, channels)
    assert {row.status for row in found} == {Status.OK}
    assert 0 < found[3].value < 32 * sqrt(2)
    for row in found[1:]:
        assert row.low <= row.value <= row.high
