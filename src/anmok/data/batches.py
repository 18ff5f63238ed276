"""Prepared pixels -> batches."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int, UInt8

from anmok.data.draws import Draws
from anmok.data.order import WHOLE, Order, Part
from anmok.data.picture import resized
from anmok.data.views import ResizedCrop, draw_numbers
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
    """The rows of an order, taken from square pixels in memory.

    With a crop, each image is a random box of its square, resized to it.
    """

    def __init__(
        self,
        pixels: UInt8[np.ndarray, "n c size size"],
        labels: Int[np.ndarray, " n"],
        order: Order,
        *,
        crop: ResizedCrop | None = None,
    ) -> None:
        self._pixels, self._labels, self._order, self._crop = pixels, labels, order, crop

    def __len__(self) -> int:
        """Count the steps of an epoch."""
        return len(self._order)

    def epoch(self, number: int, *, start: int = 0, part: Part = WHOLE) -> Iterator[Batch]:
        """Yield this process's part of every batch of an epoch, from step `start` on."""
        for chosen in self._order.batches(number, start=start, part=part):
            pixels = torch.from_numpy(np.asarray(self._pixels[chosen.rows]))
            labels = torch.from_numpy(np.asarray(self._labels[chosen.rows], dtype=np.int64))
            draws = self._order.draws(number, chosen)
            if self._crop is not None:
                pixels = _cropped(pixels, self._crop, draws)
            yield Batch(pixels, labels, draws)


def _cropped(pixels: Pixels, crop: ResizedCrop, draws: Draws) -> Pixels:
    size = pixels.shape[-1]
    views = [crop.view(size, size, size, numbers) for numbers in draw_numbers(crop, draws)]
    boxes = [
        image[:, rows.start : rows.start + rows.length, columns.start : columns.start + columns.length]
        for image, (rows, columns, _) in zip(pixels, views, strict=True)
    ]
    return torch.stack([resized(box, view) for box, view in zip(boxes, views, strict=True)])


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
