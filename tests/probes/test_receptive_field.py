from math import ceil, sqrt

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from anmok.backbone import Kind
from anmok.catalogue import create_model, require_model
from anmok.errors import RequestError
from anmok.probes import Status, effective_receptive_field
from presets import NANO
from small_backbones import Stack, Tokenise, box_filter, fingerprint


def images(n: int = 2, size: int = 17) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(0))


class Everywhere(nn.Module):
    """The image's mean at every place."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3), keepdim=True).expand_as(x)


def test_two_box_filters_see_the_outer_product_of_a_triangle():
    field = effective_receptive_field(Stack(box_filter(3), box_filter(3)), images())
    triangle = torch.tensor([1, 2, 3, 2, 1], dtype=torch.float64) / 9
    expected = torch.zeros(17, 17, dtype=torch.float64)
    expected[6:11, 6:11] = triangle[:, None] * triangle[None, :]
    torch.testing.assert_close(field.heat, expected)
    assert field.value == 3  # the inner square holds (7/9)^2 = 60 %, one of side 2 only (5/9)^2 = 31 %
    assert (field.unit, field.n, field.status) == ("px", 2, Status.OK)


@pytest.mark.parametrize(("share", "side"), [(0.1, 1), (0.3, 2), (0.6, 3), (0.79, 4), (0.8, 5), (0.999, 5)])
def test_the_side_grows_with_the_share_that_it_holds(share, side):
    network = Stack(box_filter(3), box_filter(3))
    assert effective_receptive_field(network, images(), share=share).value == side


@given(st.integers(1, 5), st.sampled_from([3, 5]))
def test_the_variance_of_stacked_box_filters_is_known(depth, side):
    """Luo et al. 2016: n layers of uniform k x k kernels spread n (k^2 - 1) / 12 along each axis."""
    network = Stack(*(box_filter(side) for _ in range(depth)))
    heat = effective_receptive_field(network, images(1, 33)).heat.sum(0)
    places = torch.arange(33, dtype=torch.float64) - 16
    assert float((heat * places**2).sum()) == pytest.approx(depth * (side**2 - 1) / 12, rel=1e-5)


def test_a_cell_of_its_own_pixel_is_the_null():
    assert effective_receptive_field(Stack(nn.Identity()), images()).value == 1


def test_a_network_that_weighs_all_pixels_alike_sees_the_root_of_the_share():
    field = effective_receptive_field(Stack(Everywhere()), images(2, 16))
    torch.testing.assert_close(field.heat, torch.full((16, 16), 1 / 256, dtype=torch.float64))
    assert field.value == ceil(sqrt(0.5) * 16)


def test_an_even_field_between_two_pixels_has_an_even_side():
    patches = nn.Conv2d(3, 3, 4, stride=4)
    nn.init.constant_(patches.weight, 1.0)
    assert effective_receptive_field(Stack(patches), images(2, 16), share=0.99).value == 4


def test_it_does_not_depend_on_the_scale_of_the_weights():
    network = Stack(box_filter(3), box_filter(3))
    before = effective_receptive_field(network, images())
    with torch.no_grad():
        network.stages[1].weight.mul_(1000)
    torch.testing.assert_close(effective_receptive_field(network, images()).heat, before.heat)


def test_tokens_are_looked_at_as_a_map():
    field = effective_receptive_field(Stack(box_filter(3), Tokenise()), images())
    plain = effective_receptive_field(Stack(box_filter(3)), images())
    torch.testing.assert_close(field.heat, plain.heat)


def test_an_image_that_is_not_square():
    field = effective_receptive_field(Stack(Everywhere()), torch.rand(1, 3, 4, 16))
    assert field.heat.shape == (4, 16)
    assert field.value == 8  # full height, half of the width


def test_the_interval_holds_the_value_and_needs_two_images():
    network = create_model("resnet_nano", num_classes=3)
    many = effective_receptive_field(network, images(12, 32), stage=1)
    assert many.low is not None
    assert many.high is not None
    assert many.low <= many.value <= many.high
    one = effective_receptive_field(network, images(1, 32), stage=1)
    assert (one.low, one.high, one.n) == (None, None, 1)


def test_a_cell_that_no_pixel_reaches_is_uninformative():
    field = effective_receptive_field(Stack(nn.Threshold(2.0, 0.0)), images())
    assert field.status is Status.NOT_APPLICABLE
    assert field.value != field.value
    assert (field.low, field.high, field.n) == (None, None, 0)
    assert field.note == "no gradient of the centre cell reaches the pixels"


def test_an_image_whose_cell_is_dead_is_not_counted():
    given = images(3)
    given[1] = -1.0
    field = effective_receptive_field(Stack(nn.ReLU()), given)
    assert (field.value, field.low, field.high, field.n) == (1, 1, 1, 2)


def test_the_network_is_left_as_it_was():
    network = Stack(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Dropout())).train()
    network.stages[0][1].eval()
    network(images()).sum().backward()
    before = fingerprint(network)
    with torch.no_grad():
        effective_receptive_field(network, images())
    assert fingerprint(network) == before


@pytest.mark.parametrize("name", [n for n in NANO if require_model(n).architecture.kind is not Kind.MLP])
def test_every_family_can_be_probed(name):
    field = effective_receptive_field(create_model(name, num_classes=3), images(2, 32))
    assert field.status is Status.OK
    assert 1 < field.value <= 32
    assert float(field.heat.sum()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"share": 1.0}, r"^A share lies between 0 and 1: got share=1.0. Give 0.5 for half of the gradient.$"),
        ({"stage": 1}, r"^This network has 1 stages: got stage=1. Choose from 0 to 0.$"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(RequestError, match=message):
        effective_receptive_field(Stack(nn.Identity()), images(), **arguments)


def test_a_network_without_feature_maps():
    with pytest.raises(
        RequestError, match=r"^A receptive field belongs to a cell among others: stage -1 of MLP has one"
    ):
        effective_receptive_field(create_model("mlp_nano", num_classes=3), images())
