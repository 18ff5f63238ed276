"""Which images show the same picture?

Exact duplicates have the same pixels. Near duplicates have almost the same thumbnail: 12 x 12 colours, each
channel brought to mean 0 and all to norm 1, so that brightness, tint and contrast do not count. Saved again,
resized or brightened, an image moves by less than 0.1 in that space (a correlation of 0.995); two different
photographs hardly ever lie so close. Where the images of a class look alike, as products on one fixture do,
the bound is an eighth of their median distance. A 64-bit difference hash tells the two cases apart worse: one
half of 28 x 28 images that are saved again as JPEG change three of its bits or more.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import product

import numpy as np
from jaxtyping import Float32, Int, UInt8
from PIL import Image

SIDE = 12
REACH = 0.1  # largest distance of near duplicates
TYPICAL_SHARE = 0.125  # of the median distance within a class; `REACH` shrinks to it
MIN_CONTRAST = 2.0  # grey levels; the thumbnail of a flatter image is noise

_GRID = 5  # principal axes of the grid that finds neighbours
_SIEVE = 16  # principal axes on which they are compared first
_SAMPLE = 4096  # images from which its axes are found
_BLOCK = 1 << 18  # pairs that are compared at once

Thumbnails = Float32[np.ndarray, "n d"]


def thumbnail(image: UInt8[np.ndarray, "height width 3"]) -> Float32[np.ndarray, " d"]:
    """Make the normalised thumbnail; all zero when the image is too flat to be compared."""
    coarse = Image.fromarray(image)
    coarse.thumbnail((16 * SIDE, 16 * SIDE), Image.Resampling.BOX)
    bands = [band.convert("F").resize((SIDE, SIDE), Image.Resampling.LANCZOS) for band in coarse.split()]
    levels = np.stack([np.asarray(band).ravel() for band in bands])
    centred = (levels - levels.mean(axis=1, keepdims=True)).ravel()
    norm = float(np.linalg.norm(centred))
    flat = norm < MIN_CONTRAST * np.sqrt(len(centred))
    return np.zeros_like(centred) if flat else centred / norm


def exact_groups(ids: Sequence[int], digests: Sequence[Hashable]) -> list[list[int]]:
    """Group the images whose digests are equal; single images are left out."""
    groups: defaultdict[Hashable, list[int]] = defaultdict(list)
    for id, digest in zip(ids, digests, strict=True):
        groups[digest].append(id)
    return [group for group in groups.values() if len(group) > 1]


def near_pairs(
    thumbnails: Thumbnails, labels: Int[np.ndarray, " n"], *, reach: float = REACH
) -> Int[np.ndarray, "pairs 2"]:
    """Find all pairs of rows that are near duplicates.

    Within a class whose images all look alike, `reach` shrinks to an eighth of their median distance.
    """
    (rows,) = np.nonzero(thumbnails.any(axis=1))
    points, limits = thumbnails[rows], _limits(thumbnails[rows], labels[rows], reach)
    found = [np.empty((0, 2), dtype=np.int64)]
    for left, right in _neighbours(points, reach):
        close = np.linalg.norm(points[left] - points[right], axis=1) <= np.minimum(limits[left], limits[right])
        found.append(np.stack([left[close], right[close]], axis=1))
    return np.sort(rows[np.concatenate(found)], axis=1)


def components(links: Iterable[Sequence[int]]) -> list[list[int]]:
    """Join the groups that share a member, each sorted, in the order of their smallest members."""
    parent: dict[int, int] = {}

    def root(node: int) -> int:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for first, *others in links:
        root(first)
        for other in others:
            low, high = sorted((root(first), root(other)))
            parent[high] = low
    joined: defaultdict[int, list[int]] = defaultdict(list)
    for node in sorted(parent):
        joined[root(node)].append(node)
    return list(joined.values())


def _limits(points: Thumbnails, labels: Int[np.ndarray, " n"], reach: float) -> Float32[np.ndarray, " n"]:
    """How close another image may be before it counts as a near duplicate, for each image."""
    limits = np.full(len(points), reach, dtype=np.float32)
    for label in np.unique(labels):
        (rows,) = np.nonzero(labels == label)
        sample = points[rows[:: -(-len(rows) // 64)]]
        if len(sample) > 2:
            apart = np.linalg.norm(sample[:, None] - sample[None], axis=2)[np.triu_indices(len(sample), 1)]
            limits[rows] = min(reach, TYPICAL_SHARE * float(np.median(apart)))
    return limits


def _neighbours(points: Thumbnails, reach: float) -> Iterator[tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]]:
    """Yield every pair that lies within `reach`, and few others.

    Such a pair lies in cells that touch, of a grid with cells of side `reach` along the principal axes.
    """
    if len(points) < 2:
        return
    sample = points[:: -(-len(points) // _SAMPLE)]
    axes = np.linalg.eigh(sample.T @ sample)[1][:, ::-1]
    coarse = points @ axes[:, :_SIEVE]
    cells = np.floor(coarse[:, :_GRID] / reach).astype(np.int64)
    cells -= cells.min(axis=0) - 1
    strides = np.cumprod([1, *(cells.max(axis=0)[1:] + 2)[::-1]])[::-1]
    keys = cells @ strides
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    for step in product((-1, 0, 1), repeat=_GRID):
        offset = int(np.dot(step, strides))
        if offset < 0:
            continue
        stop = np.searchsorted(keys, keys + offset, side="right")
        start = np.arange(1, len(keys) + 1) if offset == 0 else np.searchsorted(keys, keys + offset)
        for first, second in _ranges(start, stop):
            left, right = order[first], order[second]
            near = ((coarse[left] - coarse[right]) ** 2).sum(axis=1) <= reach**2
            yield left[near], right[near]


def _ranges(
    start: Int[np.ndarray, " n"], stop: Int[np.ndarray, " n"]
) -> Iterator[tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]]:
    """Yield the pairs (i, j) with start[i] <= j < stop[i], a block at a time."""
    counts = np.maximum(stop - start, 0)
    blocks = np.cumsum(counts) // _BLOCK
    for (rows,) in (np.nonzero((blocks == block) & (counts > 0)) for block in np.unique(blocks)):
        here = counts[rows]
        first = np.cumsum(here) - here
        yield np.repeat(rows, here), np.arange(here.sum()) + np.repeat(start[rows] - first, here)
