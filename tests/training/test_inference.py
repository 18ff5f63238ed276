import numpy as np
import torch
from torch import nn

from anmok.data import Batches, Order
from anmok.training.inference import probabilities


class LeftHalf(nn.Module):
    """Logits: the mean of the left and of the right half."""

    def forward(self, images):
        return torch.stack([half.mean((1, 2, 3)) for half in images.chunk(2, dim=3)], 1)


def answers(pixels, *, mirror):
    rows = np.arange(len(pixels), dtype=np.int32)
    batches = Batches(pixels, rows * 0, Order(rows, batch_size=3, seed=None))
    return probabilities(LeftHalf(), batches, torch.device("cpu"), mirror=mirror)


def test_with_the_mirror_image_both_sides_count_alike():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 3, 8, 8), dtype=np.uint8)
    plain = answers(pixels, mirror=False)
    expected = LeftHalf()(torch.from_numpy(pixels) / 255).softmax(1)
    np.testing.assert_allclose(plain, expected, rtol=1e-5)
    assert (np.abs(plain - 0.5) > 1e-3).any()
    np.testing.assert_allclose(answers(pixels, mirror=True), 0.5, rtol=1e-5)
