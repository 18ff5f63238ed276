"""How far does one cell of a feature map look?

Luo et al. 2016, arXiv:1701.04128: the gradient of the cell with respect to the pixels. Its size is taken as
in Ding et al. 2022 (RepLKNet, arXiv:2203.06717, sec. 4): the side of the smallest square that holds a share.
Departs from RepLKNet's code: the absolute gradient, not its positive part; no log10 before the shares, which
makes them depend on the scale of the weights; and the square may lie anywhere, because on a small map the
centre cell's field is up to half a stride off the image's centre. The probe asks any network, and reads its
last map by random projections of the channels (`jacobian.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
import torch
from einops import einsum, reduce
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from anmok.backbone import Backbone
from anmok.backbone.evaluating import evaluating
from anmok.errors import RequestError
from anmok.probes.intervals import bootstrap
from anmok.probes.jacobian import IMAGES, Jacobians, jacobians
from anmok.probes.jacobian_distance import DISTANCE, DISTANT, jacobian_distances
from anmok.probes.map_reader import NO_MAP, MapReader, map_readers
from anmok.probes.probe import Probe, Profile
from anmok.probes.result import Metric, ProbeResult, Status
from anmok.probes.subject import Subject
from anmok.probes.theoretical_field import THEORETICAL, theoretical_field
from anmok.shapes import Images

_CHUNK = 16  # images whose gradients are held at once
_DRAWS = 200  # of the bootstrap
_SHARE = 0.5

_LAST = "last map with more than one place"
EFFECTIVE = Metric(
    "effective receptive field",
    f"side of the smallest square with half of the absolute gradient of the middle place of the {_LAST}, "
    f"random projections of channels, {IMAGES} images, version 1",
    "px",
)
SIGMA = Metric(
    "receptive field sigma",
    f"standard deviation, root mean square of both axes, of the squared gradient of the middle place of the {_LAST}, "
    f"random projections of channels, {IMAGES} images, version 1",
    "px",
)
METRICS = (THEORETICAL, EFFECTIVE, SIGMA, DISTANCE, DISTANT)


@dataclass(frozen=True, kw_only=True)
class ReceptiveField(ProbeResult):
    """The side of the square, pixels; `n` counts the images in which a gradient reaches the pixels.

    An image weighed alike everywhere gives `sqrt(share)` of its own side: no value above that means more.
    """

    heat: Float[Tensor, "height width"]  # share of the gradient on each pixel; sums to 1 where there is any
    share: float  # that the square holds, in (0, 1)


@dataclass(frozen=True, kw_only=True)
class FieldSigma(ProbeResult):
    """For n uniform stride-1 kernels of side k the variance is n (k^2 - 1) / 12; so it is for zero-mean random ones."""

    axes: tuple[float, float]  # down and across, pixels


def effective_receptive_field(
    backbone: Backbone, images: Images, *, stage: int = -1, share: float = 0.5
) -> ReceptiveField:
    """Measure the centre cell of `stage` over images normalised as the backbone was trained with.

    RepLKNet averages 50 images; fewer leave noise. The interval is a percentile bootstrap over images.
    """
    if not 0 < share < 1:
        raise RequestError(f"A share lies between 0 and 1: got share={share}. Give 0.5 for half of the gradient.")
    if not -len(backbone.stages) <= stage < len(backbone.stages):
        raise RequestError(
            f"This network has {len(backbone.stages)} stages: got stage={stage}. "
            f"Choose from 0 to {len(backbone.stages) - 1}."
        )
    with evaluating(backbone), torch.enable_grad():
        parts = [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
        heats = torch.cat([_heats(backbone, part, stage) for part in parts])
    heats = heats[reduce(heats, "b height width -> b", "sum") > 0]
    informative = len(heats) > 0
    heat = heats.sum(0) / heats.sum() if informative else heats.sum(0)
    low, high = _interval(share, heats)
    return ReceptiveField(
        metric="effective receptive field",
        definition=f"effective receptive field, stage {stage}, share {share:g}, version 1",
        value=float(_side_holding(share, heat)) if informative else nan,
        low=low,
        high=high,
        unit="px",
        n=len(heats),
        status=Status.OK if informative else Status.NOT_APPLICABLE,
        note="" if informative else "no gradient of the centre cell reaches the pixels",
        heat=heat,
        share=share,
    )


def _heats(backbone: Backbone, images: Images, stage: int) -> Float[Tensor, "b height width"]:
    pixels = images.detach().clone().requires_grad_()
    feature = backbone.feature_maps(pixels)[stage]
    rows, columns = feature.shape[2:]
    if rows * columns == 1:
        raise RequestError(
            f"A receptive field belongs to a cell among others: stage {stage} of {type(backbone).__name__} has one "
            "place. Choose an earlier stage, larger images, or a backbone with feature maps."
        )
    # Rectified, because the plain sum of channels is constant where a layer norm comes last.
    answer = feature[:, :, rows // 2, columns // 2].relu().sum()
    (gradient,) = torch.autograd.grad(answer, pixels)
    return reduce(gradient.abs().cpu().double(), "b c height width -> b height width", "sum")


def _side_holding(share: float, heat: Float[Tensor, "height width"]) -> int:
    """Side of the smallest square that holds `share` of a heat that sums to 1; cut at the image's border."""
    height, width = heat.shape
    area = F.pad(heat.cumsum(0).cumsum(1), (1, 0, 1, 0))
    low, high = 1, max(height, width)
    while low < high:
        side = (low + high) // 2
        rows, columns = min(side, height), min(side, width)
        right, left = area[:, columns:], area[:, : width + 1 - columns]
        boxes = (right - left)[rows:] - (right - left)[: height + 1 - rows]
        low, high = (low, side) if boxes.max() >= share else (side + 1, high)
    return low


def _interval(share: float, heats: Float[Tensor, "b height width"]) -> tuple[float | None, float | None]:
    if len(heats) < 2:
        return None, None
    generator = torch.Generator().manual_seed(0)
    picks = torch.randint(len(heats), (_DRAWS, len(heats)), generator=generator)
    counts = F.one_hot(picks, len(heats)).sum(1).double()
    sides = []
    for weights in counts:
        heat = einsum(weights, heats, "b, b height width -> height width")
        sides.append(_side_holding(share, heat / heat.sum()))
    low, high = torch.tensor(sides, dtype=torch.float64).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    return float(low), float(high)


def measure(subject: Subject) -> Sequence[ProbeResult]:
    """A row for each of METRICS."""
    readers = map_readers(subject)
    if not readers:
        return [metric.missing(NO_MAP) for metric in METRICS]
    return [theoretical_field(readers[-1], subject.images(1)), *_by_gradients(readers[-1], subject)]


def _by_gradients(reader: MapReader, subject: Subject) -> list[ProbeResult]:
    found = jacobians(reader, subject)
    if found is None:
        return [metric.missing("the network answers without gradients") for metric in METRICS[1:]]
    mass = reduce(found.middle_squared, "n height width -> n", "sum")
    if not (mass.isfinite().all() and found.squared.isfinite().all()):
        return [metric.missing("the gradients are not finite") for metric in METRICS[1:]]
    return [*_spread(found, mass > 0), *jacobian_distances(found)]


def _spread(found: Jacobians, alive: Tensor) -> list[ProbeResult]:
    """Rows of the middle place."""
    if not alive.any():
        return [m.missing("no gradient of the middle place reaches the pixels") for m in (EFFECTIVE, SIGMA)]
    heats = found.middle[alive]
    heat = heats.sum(0) / heats.sum()
    moments = np.stack([_moments(square) for square in found.middle_squared[alive]])
    field = EFFECTIVE.found(_side_holding(_SHARE, heat), _interval(_SHARE, heats), n=len(heats))
    down, across = _deviations(moments)
    sigma = SIGMA.found(_sigma(moments), bootstrap(moments, _sigma), n=len(moments))
    return [ReceptiveField(**vars(field), heat=heat, share=_SHARE), FieldSigma(**vars(sigma), axes=(down, across))]


def _moments(square: Float[Tensor, "height width"]) -> Float[np.ndarray, "axes powers"]:
    """Sums of 1, place and place^2 down and across."""
    sides = (square.sum(1).numpy(), square.sum(0).numpy())
    return np.stack([[(side * np.arange(len(side)) ** power).sum() for power in range(3)] for side in sides])


def _deviations(moments: Float[np.ndarray, "n axes powers"]) -> tuple[float, float]:
    mass, first, second = np.moveaxis(moments.sum(0), -1, 0)
    down, across = np.sqrt(np.maximum(second / mass - (first / mass) ** 2, 0))
    return float(down), float(across)


def _sigma(moments: Float[np.ndarray, "n axes powers"]) -> float:
    down, across = _deviations(moments)
    return sqrt((down**2 + across**2) / 2)


PROBE = Probe(
    number=3,
    name="receptive field",
    question="How far does one cell of a feature map look?",
    profile=Profile.FAST,
    metrics=METRICS,
    measure=measure,
)
