"""Image files -> batches, decoded by threads while the network computes."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int

from anmok.data.batches import Batch
from anmok.data.cache import PictureCache
from anmok.data.decode import unreadable
from anmok.data.draws import Draws
from anmok.data.imagedata import ImageData
from anmok.data.machine import memory_size, processor_count
from anmok.data.order import WHOLE, Chosen, Order, Part
from anmok.data.picture import Picture, open_picture, show, upright_size
from anmok.data.views import Crop, draw_numbers
from anmok.errors import RequestError
from anmok.shapes import Pixels

_SHARE = 8  # images that a thread takes at once: little to hand over, and all threads end about together


@dataclass(kw_only=True)
class Loader:
    """A source of batches that reads, decodes, crops and resizes as they are asked for.

    Each image is what (seed, epoch, position) make it: the same to the bit for any number of threads, after a
    restart, and whether its pixels come from the file or from memory.

    Attributes
    ----------
    order : Order
        Its rows are ids of `data`.
    size : int
        Side of the squares that come out, in pixels.
    threads : int
        That decode; 0 for as many as there are processors for this process.
    ahead : int
        Batches that are in work or ready while the caller is busy with one.
    memory : float
        Share of the memory in which all images are kept after the first epoch, if they fit: see `PictureCache`.

    """

    data: ImageData
    order: Order
    size: int
    crop: Crop
    threads: int = 0
    ahead: int = 2
    memory: float = 0.25
    _labels: Int[np.ndarray, " n"] = field(init=False, repr=False)
    _cache: PictureCache = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.threads < 0 or self.ahead < 1:
            raise RequestError(
                f"A loader needs threads and a batch ahead: got threads={self.threads}, ahead={self.ahead}. "
                "Give threads=0 (one per processor) or more, and ahead=1 or more."
            )
        if not 0 <= self.memory < 1:
            raise RequestError(f"Images may fill a share of the memory: got memory={self.memory}. Give 0 <= x < 1.")
        count = len(np.unique(self.order.rows))
        limit = self.memory * memory_size()
        self._labels = self.data.samples["label"].to_numpy()
        self._cache = PictureCache(count=count, size=self.size, limit=limit)

    def __len__(self) -> int:
        """Count the steps of an epoch."""
        return len(self.order)

    def epoch(self, number: int, *, start: int = 0, part: Part = WHOLE) -> Iterator[Batch]:
        """Yield this process's part of every batch of an epoch, from step `start` on.

        The threads end with the iterator, also when it is closed before its end.

        Raises
        ------
        DataError
            An image cannot be read; the message names it. It comes when its batch is due, whoever found it earlier.

        """
        waiting: deque[_Coming] = deque()
        pool = ThreadPoolExecutor(self.threads or processor_count(), "anmok-loader")
        try:
            for chosen in self.order.batches(number, start=start, part=part):
                waiting.append(self._begin(pool, chosen, self.order.draws(number, chosen)))
                if len(waiting) > self.ahead:
                    yield waiting.popleft().batch()
            while waiting:
                yield waiting.popleft().batch()
        finally:
            pool.shutdown(cancel_futures=True)

    def _begin(self, pool: ThreadPoolExecutor, chosen: Chosen, draws: Draws) -> "_Coming":
        count = len(chosen.rows)
        numbers = draw_numbers(self.crop, draws)
        pixels = torch.empty(count, 3, self.size, self.size, dtype=torch.uint8)
        shares = [slice(first, first + _SHARE) for first in range(0, count, _SHARE)]
        work = [pool.submit(self._fill, pixels[share], chosen.rows[share], numbers[share]) for share in shares]
        labels = torch.from_numpy(self._labels[chosen.rows].astype(np.int64))
        return _Coming(Batch(pixels, labels, draws), work)

    def _fill(self, pixels: Pixels, ids: Int[np.ndarray, " b"], numbers: Float[np.ndarray, "b m"]) -> None:
        for square, id, own in zip(pixels, ids.tolist(), numbers, strict=True):
            try:
                picture = self._picture(id)
                square.copy_(show(picture, self.crop.view(*upright_size(picture), self.size, own)))
            except OSError as error:
                raise unreadable(self.data.path(id), error) from error

    def _picture(self, id: int) -> Picture:
        return self._cache.find(id) or self._cache.keep(id, open_picture(self.data.bytes(id)))


@dataclass(frozen=True)
class _Coming:
    """A batch that threads are filling."""

    unfinished: Batch
    work: list[Future[None]]

    def batch(self) -> Batch:
        for share in self.work:
            share.result()
        return self.unfinished
