import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import adaptive_avg_pool2d

from anmok.errors import SpecError
from anmok.zoo.mlp import MLP, AreaGrid, MlpSpec


@pytest.mark.parametrize("size", [(8, 8), (16, 24), (64, 8)])
def test_where_pixels_divide_evenly_a_place_is_the_mean_of_its_block(size):
    images = torch.randn(2, 3, *size)
    torch.testing.assert_close(AreaGrid(8)(images), adaptive_avg_pool2d(images, 8))


def test_a_pixel_on_a_border_is_shared_by_area():
    row = torch.tensor([1.0, 2.0, 4.0])[None, None, None]
    # Two places of 1.5 pixels: (1 + 2 / 2) / 1.5 and (2 / 2 + 4) / 1.5.
    torch.testing.assert_close(AreaGrid(2)(row)[0, 0], torch.tensor([[4 / 3, 10 / 3]] * 2))


def test_fewer_pixels_than_places_repeat():
    images = torch.randn(1, 1, 2, 2)
    torch.testing.assert_close(AreaGrid(4)(images), images.repeat_interleave(2, 2).repeat_interleave(2, 3))


@given(height=st.integers(1, 90), width=st.integers(1, 90), grid=st.integers(1, 40))
def test_the_mean_of_the_image_is_kept(height, width, grid):
    images = torch.rand(1, 2, height, width, dtype=torch.float64)
    torch.testing.assert_close(AreaGrid(grid)(images).mean((2, 3)), images.mean((2, 3)))


def test_an_image_on_the_grid_already_is_untouched():
    images = torch.randn(1, 3, 32, 32)
    assert torch.equal(AreaGrid(32)(images), images)


def test_logits_are_those_of_the_equations():
    model = MLP(MlpSpec(widths=(5, 4), grid=2), num_classes=3).double().eval()
    images = torch.randn(6, 3, 2, 2, dtype=torch.float64)
    first, second, head = (m for m in model.modules() if isinstance(m, torch.nn.Linear))
    hidden = (images.flatten(1) @ first.weight.T + first.bias).clamp(min=0)
    hidden = (hidden @ second.weight.T + second.bias).clamp(min=0)
    torch.testing.assert_close(model(images), hidden @ head.weight.T + head.bias)


def test_a_layer_has_units():
    with pytest.raises(SpecError) as error:
        MlpSpec(widths=())
    assert str(error.value) == "Every stage has a number in widths: got 0. Make the lengths equal and positive."
