"""Prepared pixels -> batches, in an order that depends on the seed and the epoch alone."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Int, UInt8

from anmok.data.augment import Augmentation, augment
from anmok.errors import RequestError
from anmok.shapes import Images, Labels

_CHUNK = 1024  # images whose statistics are taken at once


class Batches:
    """The chosen rows of `pixels`, batch after batch.

    With a seed: for training. Each epoch has its own order, so a training that was interrupted goes on as if
    it had not been; a last batch of one image, which batch norm cannot take, is left out of that epoch.
    Without a seed: for evaluation. Every image once, in the order of `indices`.
    """

    def __init__(
        self,
        pixels: UInt8[np.ndarray, "n c height width"],
        labels: Int[np.ndarray, " n"],
        indices: Int[np.ndarray, " m"],
        *,
        batch_size: int,
        seed: int | None,
        augmentation: Augmentation = Augmentation.NONE,
    ) -> None:
        if batch_size < 1:
            raise RequestError(f"A batch holds at least one image: got batch_size={batch_size}. Give 1 or more.")
        if augmentation is not Augmentation.NONE and seed is None:
            raise RequestError(f"Augmentation is random: got '{augmentation}' and seed=None. Give a seed.")
        self._pixels, self._labels, self._indices = pixels, labels, indices
        self._batch_size, self._seed, self._augmentation = batch_size, seed, augmentation

    def __len__(self) -> int:
        """Count the steps of an epoch."""
        return len(self._starts())

    def epoch(self, number: int) -> Iterator[tuple[Images, Labels]]:
        """Yield the images, float32 in [0, 1], and the labels of one epoch."""
        order = self._indices
        if self._seed is not None:
            order = np.random.default_rng((self._seed, number)).permutation(order)
        for step, start in enumerate(self._starts()):
            rows = order[start : start + self._batch_size]
            images = torch.from_numpy(np.asarray(self._pixels[rows]))
            images = augment(images, self._augmentation, self._generator(number, step))
            labels = torch.from_numpy(np.asarray(self._labels[rows], dtype=np.int64))
            yield images.float().div_(255), labels

    def _starts(self) -> range:
        lone = self._seed is not None and len(self._indices) > 1
        return range(0, len(self._indices) - int(lone), self._batch_size)

    def _generator(self, epoch: int, step: int) -> torch.Generator:
        (state,) = np.random.SeedSequence((self._seed or 0, epoch, step)).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(state))


def channel_statistics(
    pixels: UInt8[np.ndarray, "n c height width"], indices: Int[np.ndarray, " m"]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over all pixels of the chosen rows, for images in [0, 1].

    The deviation is at least 1/255, so that a constant channel can be divided by it.
    """
    total = np.zeros(pixels.shape[1])
    squares = np.zeros(pixels.shape[1])
    for start in range(0, len(indices), _CHUNK):
        chunk = pixels[indices[start : start + _CHUNK]]
        levels = np.stack([np.bincount(channel.ravel(), minlength=256) for channel in chunk.swapaxes(0, 1)])
        total += levels @ np.arange(256)
        squares += levels @ np.arange(256) ** 2
    count = len(indices) * pixels.shape[2] * pixels.shape[3]
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 1))
    return tuple((mean / 255).tolist()), tuple((deviation / 255).tolist())
