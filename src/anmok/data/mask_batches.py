"""Images and masks -> batches: windows to train on, whole images to be judged on."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8

from anmok.data.border_weights import border_nearness
from anmok.data.decode import unreadable
from anmok.data.draws import Draws
from anmok.data.machine import memory_size, processor_count
from anmok.data.mask_files import Mask
from anmok.data.mask_windows import LABELS, Layers, Windows, reduced
from anmok.data.masks import MaskedImages
from anmok.data.order import WHOLE, Chosen, Order, Part
from anmok.data.threads import map_in_threads
from anmok.shapes import Pixels

_AHEAD = 2  # batches in work or ready while the caller is busy with one
_MEMORY = 0.25  # share of the memory in which images are kept once they are decoded


class WindowBatch(NamedTuple):
    """Squares with their layers, and the random numbers for what is done to them."""

    layers: Pixels
    draws: Draws


class WholeImage(NamedTuple):
    """An image as a network sees it, and its mask at its own size."""

    id: int
    pixels: UInt8[np.ndarray, "3 height width"]
    mask: Mask


@dataclass(kw_only=True)
class MaskWindows:
    """A source of batches to train on: each is what (seed, epoch, position) make it, to the bit."""

    data: MaskedImages
    order: Order  # its rows are ids of `data`
    windows: Windows
    shorter: int  # pixels that the shorter sides of larger images are reduced to
    borders: bool  # whether there is a layer of borders
    _kept: dict[int, Layers] = field(default_factory=dict, init=False, repr=False)
    _bytes: int = field(default=0, init=False, repr=False)

    def __len__(self) -> int:
        """Count the steps of an epoch."""
        return len(self.order)

    def epoch(self, number: int, *, start: int = 0, part: Part = WHOLE) -> Iterator[Any]:
        """Yield this process's part of every batch of an epoch, from step `start` on: a `WindowBatch` each.

        Raises
        ------
        DataError
            An image or a mask cannot be read; the message names it.

        """
        waiting: deque[Future[WindowBatch]] = deque()
        pool = ThreadPoolExecutor(processor_count(), "anmok-windows")
        try:
            for chosen in self.order.batches(number, start=start, part=part):
                waiting.append(pool.submit(self._batch, chosen, self.order.draws(number, chosen)))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _batch(self, chosen: Chosen, draws: Draws) -> WindowBatch:
        numbers = np.stack([draws.uniform() for _ in range(self.windows.numbers)], axis=1)
        squares = [
            self.windows.cut(self._layers(id), own) for id, own in zip(chosen.rows.tolist(), numbers, strict=True)
        ]
        empty = np.empty((0, LABELS + 1 + self.borders, self.windows.size, self.windows.size), dtype=np.uint8)
        return WindowBatch(torch.from_numpy(np.stack(squares) if squares else empty), draws)

    def _layers(self, id: int) -> Layers:
        found = self._kept.get(id)
        if found is None:
            found = reduced(*read_pair(self.data, id), self.shorter)
            if self.borders:
                nearness = np.rint(255 * border_nearness(found[LABELS])).astype(np.uint8)
                found = np.concatenate((found, nearness[None]))
            if self._bytes + found.nbytes <= _MEMORY * memory_size():
                self._kept[id] = found
                self._bytes += found.nbytes
        return found


@dataclass(frozen=True, kw_only=True)
class WholeImages:
    """A source of whole images, one by one in their order, to be judged on."""

    data: MaskedImages
    order: Order  # its rows are ids of `data`; batches of one
    shorter: int

    def __len__(self) -> int:
        """Count the images."""
        return len(self.order)

    def epoch(self, number: int, *, start: int = 0, part: Part = WHOLE) -> Iterator[Any]:
        """Yield this process's images, a `WholeImage` each; raises `DataError` as above."""
        ids = [int(chosen.rows[0]) for chosen in self.order.batches(number, start=start, part=part)]
        yield from map_in_threads(self._read, ids, progress=None)

    def _read(self, id: int) -> WholeImage:
        image, mask = read_pair(self.data, id)
        return WholeImage(id, reduced(image, mask, self.shorter)[:LABELS], mask)


def read_pair(data: MaskedImages, id: int) -> tuple[UInt8[np.ndarray, "height width 3"], Mask]:
    """An image and its mask; raises `DataError` that names the one that cannot be read."""
    image = data.images.read(id)
    try:
        return image, data.mask(id)
    except OSError as error:
        raise unreadable(data.masks.path(id), error) from error
