"""A task that can be learnt in a second: which half of the image is bright?"""

import numpy as np
import torch
from torch import nn

from anmok.data import Batches, Order


class Halves:
    """Images whose upper or lower half is bright, as batches."""

    def __init__(self, n: int = 96, *, batch_size: int = 16) -> None:
        random = np.random.default_rng(0)
        self.batch_size = batch_size
        self.labels = random.integers(0, 2, n)
        self.pixels = random.integers(0, 100, (n, 3, 8, 8)).astype(np.uint8)
        for image, label in zip(self.pixels, self.labels, strict=True):
            image[:, :4] += np.uint8(100 * (label == 0))
            image[:, 4:] += np.uint8(100 * (label == 1))

    def batches(self, *, seed: int | None = None) -> Batches:
        rows = np.arange(len(self.labels))
        return Batches(self.pixels, self.labels, Order(rows, batch_size=self.batch_size, seed=seed))


def network() -> nn.Module:
    torch.manual_seed(0)
    seeing = (nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3, padding=1))
    hidden = (nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2))
    return nn.Sequential(*seeing, nn.Flatten(), *hidden, nn.Linear(16, 2))


def layer_norm_network() -> nn.Module:
    """One whose answer to an image does not depend on the others in the batch, nor on chance."""
    torch.manual_seed(0)
    seeing = (nn.Conv2d(3, 8, 4, stride=4), nn.Flatten(), nn.LayerNorm(32), nn.GELU())
    return nn.Sequential(*seeing, nn.Linear(32, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 2))


def weights(module: nn.Module) -> list[bytes]:
    return [value.numpy().tobytes() for value in module.state_dict().values()]
