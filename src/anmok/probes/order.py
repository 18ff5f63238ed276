"""Does it matter to the network where the parts of the image are?

The invariance that Battaglia et al. 2018 (arXiv:1806.01261, table 1) give components: the answer to permuted elements
against the answer to the same in their order. Elements are tiles of the image here, one permutation per image; the
arithmetic takes any elements. The change is relative to that between two different images: 0 for a bag of tiles, 1
where another order is as much as another image. That tiles keep a trained network's answers is Naseer et al. 2021
(arXiv:2105.10497, sec. 3.2); labels, which `patch_shuffle.py` needs, are not asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import TypeAlias

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int
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
_TRAINED_IMAGES = 128
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


def squared_changes(answer: Answer, elements: Elements, orders: Int[Tensor, "b n"]) -> Float[np.ndarray, "b 2"]:
    """By row: |f(Px) - f(x)|^2, and twice |f(x) - mean f|^2 b / (b - 1), whose mean is that between two rows."""
    permuted = elements[torch.arange(len(elements), device=elements.device)[:, None], orders.to(elements.device)]
    still, moved = (answer(x).flatten(1).double().cpu() for x in (elements, permuted))
    return np.stack([((moved - still) ** 2).sum(1).numpy(), _spread(still)], axis=1)


def order_change(answer: Answer, elements: Elements, orders: Int[Tensor, "b n"]) -> float:
    """Root mean square of how much permuted elements change an answer, relative to other elements; nan if that is 0."""
    return _ratio(squared_changes(answer, elements, orders))


def random_orders(count: int, elements: int, seed: int) -> Int[Tensor, "count elements"]:
    """A permutation for each of several rows."""
    rng = np.random.default_rng((seed, elements))
    return torch.from_numpy(rng.permuted(np.tile(np.arange(elements), (count, 1)), axis=1))


@torch.no_grad()
def measure(subject: Subject) -> Sequence[ProbeResult]:
    """A row for each of METRICS."""
    readers = map_readers(subject)
    rows = [_change(TILES, subject, _GRID)]
    if readers:
        map = readers[0](subject.images(1))
        rows.append(_change(PATCHES, subject, (map.shape[2], map.shape[3]) if map is not None else _GRID))
    else:
        rows.append(PATCHES.missing(NO_MAP))
    return [*rows, _kept(subject)]


def _change(metric: Metric, subject: Subject, grid: tuple[int, int]) -> ProbeResult:
    images = subject.images(_IMAGES)
    if len(images) < 2:
        return metric.missing("differences between images take two of them, and there is one")
    if not _fits(grid, subject):
        return metric.missing(_too_small(grid, subject))
    orders = random_orders(len(images), grid[0] * grid[1], subject.seed)
    tiles = _cut(images, grid)
    answer = partial(_answer, subject, images, grid)
    sums = squared_changes(answer, tiles, orders)
    value = _ratio(sums)
    if not np.isfinite(value):
        return metric.missing("all images are answered alike")
    return OrderChange(**vars(metric.found(value, bootstrap(sums, _ratio), n=len(sums))), grid=grid)


def _kept(subject: Subject) -> ProbeResult:
    if not subject.trained:
        return KEPT.missing(UNTRAINED)
    if not _fits(_GRID, subject):
        return KEPT.missing(_too_small(_GRID, subject))
    orders = random_orders(_TRAINED_IMAGES, _GRID[0] * _GRID[1], subject.seed)
    pairs: list[tuple[Int[np.ndarray, " n"] | None, Int[np.ndarray, " n"] | None]] = []
    for images in subject.chunks(_TRAINED_IMAGES, at_once=_AT_ONCE):
        start = len(pairs) * _AT_ONCE
        rows = torch.arange(len(images))[:, None]
        mixed = _paste(images, _cut(images, _GRID)[rows, orders[start : start + len(images)]], _GRID)
        pairs.append((answers(subject, images), answers(subject, mixed)))
    if any(one is None or other is None for one, other in pairs):
        return KEPT.missing(NO_LOGITS)
    one, other = (
        np.concatenate([answer for answer in given if answer is not None]) for given in zip(*pairs, strict=True)
    )
    return kept_answers(KEPT, subject, one, one == other)


def _answer(subject: Subject, images: Images, grid: tuple[int, int], tiles: Elements) -> Tensor:
    mixed = _paste(images, tiles, grid)
    parts = [as_tensor(subject.network(part)) for part in mixed.split(_AT_ONCE)]
    if any(part is None for part in parts):
        raise TypeError("the network does not answer with a tensor")
    return torch.cat([part for part in parts if part is not None])


def _fits(grid: tuple[int, int], subject: Subject) -> bool:
    return all(side >= places for side, places in zip(subject.size, grid, strict=True))


def _too_small(grid: tuple[int, int], subject: Subject) -> str:
    return f"{grid[0]} x {grid[1]} tiles do not fit into {subject.size[0]} x {subject.size[1]} px"


def _cut(images: Images, grid: tuple[int, int]) -> Elements:
    """Tiles of equal size; what is left over at the lower and right border stays out."""
    height, width = (side // places for side, places in zip(images.shape[2:], grid, strict=True))
    whole = images[:, :, : grid[0] * height, : grid[1] * width]
    return rearrange(whole, "b c (rows h) (columns w) -> b (rows columns) c h w", rows=grid[0], columns=grid[1])


def _paste(images: Images, tiles: Elements, grid: tuple[int, int]) -> Images:
    """The images with tiles in place of theirs."""
    pasted = images.clone()
    whole = rearrange(tiles, "b (rows columns) c h w -> b c (rows h) (columns w)", rows=grid[0], columns=grid[1])
    pasted[:, :, : whole.shape[2], : whole.shape[3]] = whole
    return pasted


def _spread(answers: Float[Tensor, "b d"]) -> Float[np.ndarray, " b"]:
    count = len(answers)
    return (2 * count / (count - 1) * ((answers - answers.mean(0)) ** 2).sum(1)).numpy()


def _ratio(sums: Float[np.ndarray, "b 2"]) -> float:
    change, spread = sums.sum(0)
    return sqrt(change / spread) if spread > 0 else float("nan")


PROBE = Probe(
    number=5,
    name="order",
    question="Does it matter to the network where the parts of the image are?",
    profile=Profile.FAST,
    metrics=METRICS,
    measure=measure,
)
