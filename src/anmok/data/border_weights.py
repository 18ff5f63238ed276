"""Which pixels tell touching objects apart: the weight map of U-Net."""

from itertools import chain

import numpy as np
from jaxtyping import Bool, Float, Int

from anmok.data.duplicates import components
from anmok.data.mask_files import IGNORED, Mask

SIGMA = 5.0  # pixels
_REACH = 7  # sigmas; beyond, the exponential is less than 3e-11


def border_nearness(mask: Mask, sigma: float = SIGMA) -> Float[np.ndarray, "height width"]:
    """exp(-(d1 + d2)^2 / 2 sigma^2) of each pixel, d1 and d2 its distances to the borders of the two nearest objects.

    Ronneberger et al. 2015, arXiv:1505.04597, eq. 2, there times w0 = 10 and added to the weights of the classes.
    Objects are what hangs together, by sides of pixels, of all classes but the first, which is the background.
    """
    reach = int(_REACH * sigma)
    first, second = (np.full(mask.shape, np.inf) for _ in range(2))
    objects = label_objects((mask != 0) & (mask != IGNORED))
    for number, (rows, columns) in enumerate(_boxes(objects, reach), 1):
        distance = _border_distance(objects[rows, columns] == number, reach)
        nearest, next = first[rows, columns], second[rows, columns]
        np.minimum(next, np.maximum(nearest, distance), out=next)
        np.minimum(nearest, distance, out=nearest)
    return np.asarray(np.exp(-((first + second) ** 2) / (2 * sigma**2)))


def label_objects(inside: Bool[np.ndarray, "height width"]) -> Int[np.ndarray, "height width"]:
    """Number what hangs together by the sides of its pixels, from 1 in reading order; 0 is outside."""
    height, width = inside.shape
    # One line of all rows, each with a pixel outside at its end, so that no run of pixels goes on in the next row.
    line = np.pad(inside, ((0, 0), (0, 1))).ravel().astype(np.int8)
    steps = np.diff(line, prepend=np.int8(0))
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    # Runs that overlap when moved down by a row are linked.
    low = np.searchsorted(ends, starts + width + 1, side="right")
    high = np.searchsorted(starts, ends + width + 1, side="left")
    runs = range(len(starts))
    below = ((run, other) for run in runs for other in range(low[run], high[run]))
    labels = np.zeros(len(starts), dtype=np.int64)
    for number, members in enumerate(components(chain(((run,) for run in runs), below)), 1):
        labels[members] = number
    filled = np.zeros(len(line), dtype=np.int64)
    filled[line == 1] = np.repeat(labels, ends - starts)
    return filled.reshape(height, width + 1)[:, :width]


def distance_to(inside: Bool[np.ndarray, "height width"], reach: int) -> Float[np.ndarray, "height width"]:
    """Euclidean distance of each pixel to the nearest one inside, exact up to `reach`; what is farther may be infinite.

    Along columns, then along rows: the least of squared distance plus squared step (Felzenszwalb & Huttenlocher 2012,
    "Distance transforms of sampled functions", eq. 4, by trying all steps).
    """
    squares = np.where(inside, 0.0, np.inf)
    for axis in (0, 1):
        squares = _least(squares, axis, reach)
    return np.sqrt(squares)


def _least(values: Float[np.ndarray, "height width"], axis: int, reach: int) -> Float[np.ndarray, "height width"]:
    lines = np.moveaxis(values, axis, 0)
    found = lines.copy()
    for step in range(1, min(reach, len(lines) - 1) + 1):
        found[step:] = np.minimum(found[step:], lines[:-step] + step**2)
        found[:-step] = np.minimum(found[:-step], lines[step:] + step**2)
    return np.moveaxis(found, 0, axis)


def _border_distance(inside: Bool[np.ndarray, "height width"], reach: int) -> Float[np.ndarray, "height width"]:
    """To the nearest pixel on the other side of the object's border."""
    return np.where(inside, distance_to(~inside, reach), distance_to(inside, reach))


def _boxes(objects: Int[np.ndarray, "height width"], reach: int) -> list[tuple[slice, slice]]:
    """The rows and columns from which each object may be reached."""
    rows, columns = np.nonzero(objects)
    numbers = objects[rows, columns]
    count = int(objects.max(initial=0))
    spans = []
    for places in (rows, columns):
        least, most = np.full(count + 1, objects.size), np.zeros(count + 1, dtype=np.int64)
        np.minimum.at(least, numbers, places)
        np.maximum.at(most, numbers, places)
        spans.append([slice(max(0, a - reach), b + reach + 1) for a, b in zip(least[1:], most[1:], strict=True)])
    return list(zip(*spans, strict=True))
