import numpy as np
import pytest
import torch
from torch import nn

from anmok.data import Batches, Order
from anmok.training.inference import VIEWS, probabilities

PIXELS = np.random.default_rng(0).integers(0, 256, (7, 3, 8, 8), dtype=np.uint8)


class LeftHalf(nn.Module):
    """Logits: the mean of the left and of the right half."""

    def forward(self, images):
        return torch.stack([half.mean((1, 2, 3)) for half in images.chunk(2, dim=3)], 1)


class Corner(nn.Module):
    """Logits: a pixel near the upper left corner, and 0; tells where an image was moved to."""

    def forward(self, images):
        return torch.stack([images[:, 0, 1, 2], images[:, 0, 0, 0] * 0], 1)


def answers(network, views=1):
    rows = np.arange(len(PIXELS), dtype=np.int32)
    batches = Batches(PIXELS, rows * 0, Order(rows, batch_size=3, seed=None))
    return probabilities(network, batches, torch.device("cpu"), views=views)


@pytest.mark.parametrize("views", VIEWS[1:])
def test_with_the_mirror_image_both_sides_count_alike(views):
    plain = answers(LeftHalf())
    expected = LeftHalf()(torch.from_numpy(PIXELS) / 255).softmax(1)
    np.testing.assert_allclose(plain, expected, rtol=1e-5)
    assert (np.abs(plain - 0.5) > 1e-3).any()
    np.testing.assert_allclose(answers(LeftHalf(), views), 0.5, rtol=1e-5)


def test_shifted_views_count_half_as_much_as_the_image_and_its_mirror_image():
    x = PIXELS[:, 0] / 255  # a corner shows pixels (0, 1) and (2, 3), their mirror images (0, 4) and (2, 6)
    logit = (x[:, 1, 2] + x[:, 1, 5]) / 4 + (x[:, 0, 1] + x[:, 2, 3] + x[:, 0, 4] + x[:, 2, 6]) / 8
    np.testing.assert_allclose(answers(Corner(), 6)[:, 0], 1 / (1 + np.exp(-logit)), rtol=1e-5)
