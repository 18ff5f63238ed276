"""Does it matter to the network where the parts of the image are?

The invariance that Battaglia et al. 2018 (arXiv:1806.01261, table 1) give components: the answer to permuted elements
against the answer to the same in their order. Elements are tiles of the image here, one permutation per image; the
arithmetic takes any elements. The change is relative to that between two different images: 0 for a bag of tiles, 1
where another order is as much as another image. That tiles keep a trained network's answers is Naseer et al. 2021
(arXiv:2105.10497, sec. 3.2); labels, which `patch_shuffle.py` needs, are not asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TypeAlias

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor

from anmok.capture import as_tensor
from anmok.probes.intervals import bootstrap
from anmok.probes.map_reader import NO_MAP, map_readers
from anmok.probes.probe import Probe, Profile
from anmok.probes.result import Metric, ProbeResult
from anmok.probes.shift_answers import NO_LOGITS, UNTRAINED, answers, kept_answers
from anmok.probes.subject import Subject
from anmok.shapes import Images

_IMAGES = 32
_TRAINED_IMAGES = 64
_AT_ONCE = 16
_GRID = (4, 4)

_HOW = "difference of answers relative to that between two images, root mean square"
TILES = Metric("permutation change", f"{_HOW}, 4 x 4 tiles, {_IMAGES} images, version 1", "relative")
PATCHES = Metric(
    "patch permutation change",
    f"{_HOW}, a tile for each place of the first block's map, {_IMAGES} images, version 1",
    "relative",
)
KEPT = Metric(
    "answers kept by permutation",
    f"images with the same answer, 4 x 4 tiles, {_TRAINED_IMAGES} images, version 1",
    "share",
)
METRICS = (TILES, PATCHES, KEPT)

Elements: TypeAlias = Float[Tensor, "b n ..."]
Answer: TypeAlias = Callable[[Elements], Tensor]


@dataclass(frozen=True, kw_only=True)
class OrderChange(ProbeResult):
    """`n` counts images; nothing is measured between fewer than two."""

    grid: tuple[int, int]  # tiles down and across


def order_change(answer: Answer, elements: Elements, orders: Int[Tensor, "b n"]) -> float:
    """Root mean square of how much permuted elements change an answer, relative to other elements; nan if that is 0."""
    return _ratio(_squares(answer(elements), answer(permute(elements, orders))))


def permute(elements: Elements, orders: Int[Tensor, "b n"]) -> Elements:
    """Each row's elements in an order of its own."""
    return elements[torch.arange(len(elements), device=elements.device)[:, None], orders.to(elements.device)]


def random_orders(count: int, elements: int, seed: int) -> Int[Tensor, "count elements"]:
    """A permutation for each of several rows."""
    rng = np.random.default_rng((seed, elements))
    return torch.from_numpy(rng.permuted(np.tile(np.arange(elements), (count, 1)), axis=1))


@torch.no_grad()
def measure(subject: Subject) -> Sequence[ProbeResult]:
    """A row for each of METRICS."""
    images, readers = subject.images(_IMAGES), map_readers(subject)
    map = readers[0](images[:1]) if readers else None
    still = _answer(subject, images)
    return [
        _change(TILES, subject, still, _GRID),
        PATCHES.missing(NO_MAP) if map is None else _change(PATCHES, subject, still, (map.shape[2], map.shape[3])),
        _kept(subject),
    ]


def _change(metric: Metric, subject: Subject, still: Tensor, grid: tuple[int, int]) -> ProbeResult:
    if len(still) < 2:
        return metric.missing("differences between images take two of them, and there is one")
    if not _fits(grid, subject):
        return metric.missing(_too_small(grid, subject))
    orders = random_orders(len(still), grid[0] * grid[1], subject.seed)
    sums = _squares(still, _answer(subject, _mixed(subject.images(_IMAGES), orders, grid)))
    value = _ratio(sums)
    if not np.isfinite(value):
        return metric.missing("all images are answered alike")
    return OrderChange(**vars(metric.found(value, bootstrap(sums, _ratio), n=len(sums))), grid=grid)


def _kept(subject: Subject) -> ProbeResult:
    if not subject.trained:
        return KEPT.missing(UNTRAINED)
    if not _fits(_GRID, subject):
        return KEPT.missing(_too_small(_GRID, subject))
    given: list[Int[np.ndarray, " n"]] = []
    kept: list[Bool[np.ndarray, " n"]] = []
    orders = random_orders(_TRAINED_IMAGES, _GRID[0] * _GRID[1], subject.seed)
    for images, own in zip(subject.chunks(_TRAINED_IMAGES, at_once=_AT_ONCE), orders.split(_AT_ONCE), strict=False):
        one, other = answers(subject, images), answers(subject, _mixed(images, own[: len(images)], _GRID))
        if one is None or other is None:
            return KEPT.missing(NO_LOGITS)
        given.append(one)
        kept.append(one == other)
    return kept_answers(KEPT, subject, np.concatenate(given), np.concatenate(kept))


def _answer(subject: Subject, images: Images) -> Tensor:
    parts = [as_tensor(subject.network(part)) for part in images.split(_AT_ONCE)]
    if any(part is None for part in parts):
        raise TypeError("the network does not answer with a tensor")
    return torch.cat([part for part in parts if part is not None])


def _squares(still: Tensor, moved: Tensor) -> Float[np.ndarray, "b 2"]:
    """By row: the squared change, and the squared distance from the mean answer, as large as that of two rows."""
    still, moved = (x.flatten(1).double().cpu() for x in (still, moved))
    between = ((still - still.mean(0)) ** 2).sum(1) * 2 * len(still) / max(len(still) - 1, 1)
    return torch.stack([((moved - still) ** 2).sum(1), between], dim=1).numpy()


def _ratio(sums: Float[np.ndarray, "b 2"]) -> float:
    change, spread = sums.sum(0)
    return sqrt(change / spread) if spread > 0 else float("nan")


def _fits(grid: tuple[int, int], subject: Subject) -> bool:
    return all(side >= places for side, places in zip(subject.size, grid, strict=True))


def _too_small(grid: tuple[int, int], subject: Subject) -> str:
    return f"{grid[0]} x {grid[1]} tiles do not fit into {subject.size[0]} x {subject.size[1]} px"


def _mixed(images: Images, orders: Int[Tensor, "b tiles"], grid: tuple[int, int]) -> Images:
    """Tiles of equal size in another order; what is left over at the lower and right border stays."""
    rows, columns = grid
    mixed = images.clone()
    whole = mixed[:, :, : images.shape[2] // rows * rows, : images.shape[3] // columns * columns]
    tiles = rearrange(whole, "b c (rows h) (columns w) -> b (rows columns) c h w", rows=rows, columns=columns)
    back = "b (rows columns) c h w -> b c (rows h) (columns w)"
    whole.copy_(rearrange(permute(tiles, orders), back, rows=rows, columns=columns))
    return mixed


PROBE = Probe(
    number=5,
    name="order",
    question="Does it matter to the network where the parts of the image are?",
    profile=Profile.FAST,
    metrics=METRICS,
    measure=measure,
)
