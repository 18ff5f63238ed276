"""The images that claims are put to the test with."""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int, UInt8

from anmok.data import ImageData
from anmok.data.pixels import prepare_image
from anmok.errors import DataError
from anmok.shapes import Images

_TEST_PER_CLASS = 100


class Sample(NamedTuple):
    """Pixels and labels."""

    pixels: UInt8[np.ndarray, "n 3 height width"]
    labels: Int[np.ndarray, " n"]

    def first(self, count: int, *, seed: int = 0) -> "Sample":
        """Some of them, drawn."""
        chosen = np.random.default_rng(seed).permutation(len(self.labels))[:count]
        return Sample(self.pixels[chosen], self.labels[chosen])

    @property
    def images(self) -> Images:
        """Pixels in [0, 1]."""
        return torch.from_numpy(self.pixels).float() / 255


class Material:
    """Labelled images: for each seed its own for training, for all the same for testing."""

    def __init__(self, data: ImageData) -> None:
        self.data = data
        self._labels = data.samples["label"].to_numpy()
        self._split = data.samples["split"].to_numpy()
        self._decoded = cache(self._decode)

    def training(self, side: int, per_class: int, seed: int) -> Sample:
        """The same for arms that differ in neither side nor number."""
        return self._decoded(self._chosen("train", per_class, seed), side)

    def testing(self, side: int) -> Sample:
        """A hundred images a class."""
        return self._decoded(self._chosen("test", _TEST_PER_CLASS, 0), side)

    def some(self, side: int, count: int, seed: int) -> Sample:
        """A few images for training, of all classes, in an order without meaning."""
        per_class = -(-count // len(self.data.classes))
        return self.training(side, per_class, seed).first(count, seed=seed)

    def _chosen(self, split: str, per_class: int, seed: int) -> tuple[int, ...]:
        random, ids = np.random.default_rng(seed), np.flatnonzero(self._split == split)
        classes = [random.permutation(ids[self._labels[ids] == label]) for label in range(len(self.data.classes))]
        least = min(map(len, classes))
        if least < per_class:
            raise DataError(
                f"Every class needs {per_class} images in {split}: '{self.data.name}' has {least}. "
                "Give a folder that has more of them, in train and test."
            )
        return tuple(np.concatenate([members[:per_class] for members in classes]).tolist())

    def _decode(self, ids: tuple[int, ...], side: int) -> Sample:
        pixels = np.stack([prepare_image(self.data, side, id) for id in ids])
        return Sample(pixels, self._labels[list(ids)])
