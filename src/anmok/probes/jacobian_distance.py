"""How far from a place are the pixels that it depends on?

The mean attention distance of Dosovitskiy et al. 2021 (arXiv:2010.11929, fig. 7) with the squared Jacobian in place
of attention, so that convolutions have it too. A place's centre is its cell's, moved by what the fields of all places
are off theirs on the mean: strided kernels look at the first pixel of a cell rather than at its middle.
"""

from dataclasses import dataclass
from math import nan

import numpy as np
from einops import reduce
from jaxtyping import Float
from torch import Tensor

from anmok.probes.intervals import bootstrap
from anmok.probes.jacobian import IMAGES, Jacobians
from anmok.probes.result import Metric, ProbeResult

_WEIGHED = (
    "weighed by the squared Jacobian of the last map with more than one place, random projections of channels, "
    f"{IMAGES} images, 2 places each, version 1"
)
DISTANCE = Metric("Jacobian distance", f"distance of pixels from a place's centre, {_WEIGHED}", "px")
DISTANT = Metric(
    "distant Jacobian share",
    f"pixels further from a place's centre than half of the image's shorter side, {_WEIGHED}",
    "share",
)

PerPixel = Float[Tensor, "n places height width"]


@dataclass(frozen=True, kw_only=True)
class JacobianDistance(ProbeResult):
    """An image weighed alike everywhere gives 0.52 of its side, and has 52 % further away than half of it."""

    outside: float  # the same without the pixels of the place's own cell, to which residual paths lead


def jacobian_distances(found: Jacobians) -> list[ProbeResult]:
    """Rows for DISTANCE and DISTANT."""
    mass = reduce(found.squared, "n places height width -> n places", "sum")
    if not mass.any():
        return [metric.missing("no gradient of any place reaches the pixels") for metric in (DISTANCE, DISTANT)]
    down, across = (offset - _weighed(found.squared, offset).nanmean() for offset in (found.down, found.across))
    distance = (down**2 + across**2).sqrt()
    height, width = down.shape[2:]
    own = (down.abs() <= found.cell[0] / 2) & (across.abs() <= found.cell[1] / 2)
    near, far = (
        _by_image(_weighed(found.squared, values))
        for values in (distance, (distance > min(height, width) / 2).double())
    )
    outside = _by_image(_weighed(found.squared.masked_fill(own, 0), distance))
    row = DISTANCE.found(near.mean(), bootstrap(near), n=len(near))
    return [
        JacobianDistance(**vars(row), outside=float(outside.mean()) if len(outside) else nan),
        DISTANT.found(far.mean(), bootstrap(far), n=len(far)),
    ]


def _weighed(squared: PerPixel, values: PerPixel) -> Float[Tensor, "n places"]:
    """Mean of values under each place's weights; nan for a place without any."""
    mass = reduce(squared, "n places height width -> n places", "sum")
    return reduce(squared * values, "n places height width -> n places", "sum") / mass.where(mass > 0, nan)


def _by_image(means: Float[Tensor, "n places"]) -> Float[np.ndarray, " m"]:
    of_image = means.nanmean(1)
    return of_image[of_image.isfinite()].numpy()
