"""The fingerprint of images that lie in files: a sample of them is decoded, nothing is kept."""

from dataclasses import replace
from math import ceil
from typing import NamedTuple

import numpy as np

from anmok.data import ImageData, Prepared, Progress, prepare
from anmok.data.pixels import STEP
from anmok.data.threads import map_in_threads
from anmok.errors import DataError
from anmok.experience.fingerprint import SIDE, Fingerprint, fingerprint, sample_rows

_LOWEST, _HIGHEST = 28, 48  # pixels: the squares that a selection decodes by itself


class _Seen(NamedTuple):
    square: Prepared
    short_side: int


def look_at(images: ImageData, *, progress: Progress | None = None) -> Fingerprint:
    """Take the fingerprint of the images that may be trained on; at most 1,024 are decoded.

    Raises `DataError` when fewer than two of these can be.
    """
    train = images.samples.filter(images.samples["split"].is_null() | (images.samples["split"] == "train"))
    ids, labels = train["id"].to_numpy(), train["label"].to_numpy()
    chosen = sample_rows(len(ids))

    def see(id: int) -> _Seen | None:
        try:
            image = images.decode(id, at_least=2 * SIDE)
        except OSError:
            return None
        return _Seen(prepare(image.pixels, SIDE), min(image.height, image.width))

    found = list(map_in_threads(see, ids[chosen].tolist(), progress=progress))
    seen = [one for one in found if one is not None]
    readable = np.array([one is not None for one in found])
    if len(seen) < 2:
        raise DataError(f"A fingerprint needs two images that can be read: '{images.name}' has {len(seen)}.")
    taken = fingerprint(
        np.stack([one.square for one in seen]), labels[chosen[readable]].astype(np.int64), all_labels=labels
    )
    median = ceil(np.median([one.short_side for one in seen]))
    return replace(taken, side=min(max(median // STEP * STEP, _LOWEST), _HIGHEST))
