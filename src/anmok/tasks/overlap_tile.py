"""Logits of every pixel of an image of any size, by tiles that overlap."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from anmok.backbone import Spec
from anmok.data.augment.geometry import folded
from anmok.errors import RequestError
from anmok.shapes import Images, LogitMaps

TILE = 1024  # pixels of a side up to which an image is taken at once
OVERLAP = 64  # pixels around a tile that a network sees and that are answered by the tiles beside it


@runtime_checkable
class TiledNetwork(Protocol):
    """What a segmentation network shows: the pixels on each side that get no logits, and the sizes that it takes."""

    margin: int
    spec: Spec

    def __call__(self, images: Images) -> LogitMaps:
        """Logits of all pixels that are `margin` or more away from the border."""


class _Strip(NamedTuple):
    """What a tile sees along one axis, and which of its logits count."""

    places: Int[np.ndarray, " seen"]
    context: int  # logits that come before those that count
    answered: int


def segment(network: TiledNetwork, images: Images, *, tile: int = TILE) -> Float[Tensor, "b k height width"]:
    """Put tiles of at most about `tile` pixels a side together, each seen with what surrounds it.

    Ronneberger et al. 2015, arXiv:1505.04597, sec. 2 and fig. 2: beyond the image lies its mirrored inside, and a
    network without padding gives the same logits with tiles as at once. A padded network is not asked about what is
    within `OVERLAP` of a tile's border; where an image fits, it is taken as it is.
    """
    if not network.margin and tile <= 2 * OVERLAP:
        raise RequestError(f"Tiles are larger than twice their overlap of {OVERLAP} pixels: got tile={tile}.")
    across = list(_strips(network, images.shape[3], tile))
    down = _strips(network, images.shape[2], tile)
    return torch.cat([torch.cat([_answer(network, images, r, c) for c in across], dim=3) for r in down], dim=2)


def _answer(network: TiledNetwork, images: Images, rows: _Strip, columns: _Strip) -> LogitMaps:
    places = (torch.from_numpy(strip.places).to(images.device) for strip in (rows, columns))
    seen = images.index_select(2, next(places)).index_select(3, next(places))
    logits = network(seen)[:, :, rows.context :, columns.context :]
    return logits[:, :, : rows.answered, : columns.answered]


def _strips(network: TiledNetwork, side: int, tile: int) -> Iterator[_Strip]:
    context = network.margin or (OVERLAP if side > tile else 0)
    seen = min(side, tile) + 2 * network.margin
    if context:
        seen = network.spec.image_sizes.above(seen)
    answered = seen - 2 * context
    for start in range(0, side, answered):
        places = folded(np.arange(start - context, start - context + seen), side)
        yield _Strip(places, context - network.margin, min(answered, side - start))
