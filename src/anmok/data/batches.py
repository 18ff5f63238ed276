"""Prepared pixels -> batches."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int, UInt8

from anmok.data.draws import Draws
from anmok.data.order import WHOLE, Order, Part
from anmok.shapes import Labels, Pixels

_CHUNK = 1024  # images whose statistics are taken at once


class Batch(NamedTuple):
    """Images as they are stored, their labels, and the random numbers for their views."""

    pixels: Pixels
    labels: Labels
    draws: Draws


@runtime_checkable
class BatchSource(Protocol):
    """Where training and evaluation take their images from."""

    def __len__(self) -> int:
        """Count the steps of an epoch."""

    def epoch(self, number: int, *, start: int = 0, part: Part = WHOLE) -> Iterator[Batch]:
        """Yield this process's part of every batch of an epoch, from step `start` on."""


class Batches:
    """The rows of an order, taken from pixels in memory; with the order's seed, also in an order of its own."""

    def __init__(
        self, pixels: UInt8[np.ndarray, "n c height width"], labels: Int[np.ndarray, " n"], order: Order
    ) -> None:
        self._pixels, self._labels, self._order = pixels, labels, order

    def __len__(self) -> int:
        """Count the steps of an epoch."""
        return len(self._order)

    def epoch(self, number: int, *, start: int = 0, part: Part = WHOLE) -> Iterator[Batch]:
        """Yield this process's part of every batch of an epoch, from step `start` on."""
        for chosen in self._order.batches(number, start=start, part=part):
            pixels = torch.from_numpy(np.asarray(self._pixels[chosen.rows]))
            labels = torch.from_numpy(np.asarray(self._labels[chosen.rows], dtype=np.int64))
            yield Batch(pixels, labels, Draws(self._order.seed or 0, number, chosen.positions))


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
