"""Images to be judged on, batch after batch, exactly as a trained model sees them when it predicts."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
import torch

from anmok.data.batches import Batch
from anmok.data.imagedata import ImageData
from anmok.data.order import WHOLE, Order, Part
from anmok.data.pixels import prepare_image
from anmok.data.threads import map_in_threads


@dataclass(frozen=True, kw_only=True)
class Squares:
    """A source of batches: the middle square of each image, decoded when it is asked for."""

    data: ImageData
    order: Order  # its rows are ids of `data`
    size: int  # pixels
    crop_share: float  # of the shorter side

    def __len__(self) -> int:
        """Count the steps of an epoch."""
        return len(self.order)

    def epoch(self, number: int, *, start: int = 0, part: Part = WHOLE) -> Iterator[Batch]:
        """Yield this process's part of every batch, from step `start` on.

        Raises
        ------
        DataError
            An image cannot be read; the message names it.

        """
        labels = self.data.samples["label"].to_numpy()
        prepared = partial(prepare_image, self.data, self.size, crop_share=self.crop_share)
        batches = list(self.order.batches(number, start=start, part=part))
        ids = [id for chosen in batches for id in chosen.rows.tolist()]
        squares = map_in_threads(prepared, ids, progress=None)
        for chosen in batches:
            pixels = torch.from_numpy(np.stack(list(islice(squares, len(chosen.rows)))))
            yield Batch(
                pixels, torch.from_numpy(labels[chosen.rows].astype(np.int64)), self.order.draws(number, chosen)
            )
