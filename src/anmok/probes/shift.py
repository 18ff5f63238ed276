"""Does the network follow when the image moves?

Maps: E = |f(Tx) - T f(x)| / |f(x)| for circular shifts T down and across, by the map's stride and by 1 px.
Images are made so long (by mirroring) that no border reaches the places compared, where convolutions have E = 0. A
global field has no such places: there images are up to eight times as long and move by so many strides more, because
tables of positions are stretched with them, and the outer eighth is left out. Attention without positions has E = 0.
Departs from Azulay & Weiss 2019 (arXiv:1805.12177) and Gruver et al. 2022 (arXiv:2210.02984): |f(x)| is without the
mean of each channel, so that unrelated maps have sqrt(2) whatever their offset. Answers: `shift_answers.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import numpy as np
import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor

from anmok.probes.intervals import bootstrap
from anmok.probes.map_reader import NO_MAP, Map, MapReader, map_readers
from anmok.probes.probe import Probe, Profile
from anmok.probes.reach import Strip, extend, find_strip, stride_of
from anmok.probes.result import Metric, ProbeResult
from anmok.probes.shift_answers import CONSISTENCY, FLIPS, shift_answers
from anmok.probes.subject import Subject
from anmok.shapes import Images

_IMAGES = 16
_AT_ONCE = 8
BUILT_IN, ABSENT = 1e-4, 0.3  # bounds of a relative error: below the first, above the second

_WHERE = (
    "relative to the map without channel means, last map with more than one place, places that no border reaches or "
    f"else all but the outer eighth of strips eight times as long, {_IMAGES} images, version 1"
)
STRIDE = Metric(
    "shift error", f"circular shift by the stride, on the long strips by nine strides, {_WHERE}", "relative"
)
PIXEL = Metric(
    "pixel shift error", f"circular shift by 1 px against linear interpolation between places, {_WHERE}", "relative"
)
METRICS = (STRIDE, PIXEL, CONSISTENCY, FLIPS)


@dataclass(frozen=True, kw_only=True)
class ShiftError(ProbeResult):
    """The error of both axes together; `n` counts images."""

    axes: tuple[float, float]  # down and across
    stride: tuple[int, int]  # pixels


class _Squares(NamedTuple):
    """Sums of squares over channels and compared places, by image."""

    stride: Float[Tensor, " n"]  # of errors
    pixel: Float[Tensor, " n"]
    whole: Float[Tensor, " n"]  # of the map without channel means


def degree(error: float) -> str:
    """A relative error in a word."""
    return "built in" if error < BUILT_IN else "absent" if error > ABSENT else "approximate"


def measure(subject: Subject) -> Sequence[ProbeResult]:
    """A row for each of METRICS."""
    readers = map_readers(subject)
    errors = shift_errors(readers[-1], subject) if readers else [m.missing(NO_MAP) for m in (STRIDE, PIXEL)]
    return [*errors, *shift_answers(subject)]


@torch.no_grad()
def shift_errors(reader: MapReader, subject: Subject) -> list[ProbeResult]:
    """Rows for STRIDE and PIXEL."""
    strips = [find_strip(reader, subject.images(1), axis) for axis in (2, 3)]
    strides = (stride_of(reader, strips[0]), stride_of(reader, strips[1]))
    axes = [_squares(reader, subject, strip, stride) for strip, stride in zip(strips, strides, strict=True)]
    whole = _stack([axis.whole for axis in axes])
    if not (whole.sum(0) > 0).all():
        return [metric.missing("the map is the same at all places") for metric in (STRIDE, PIXEL)]
    rows = []
    for metric, errors in ((STRIDE, [a.stride for a in axes]), (PIXEL, [a.pixel for a in axes])):
        sums = np.stack([_stack(errors), whole], axis=-1)  # images, axes, (error, whole)
        down, across = (_ratio(sums[:, [axis]]) for axis in (0, 1))
        found = metric.found(_ratio(sums), bootstrap(sums, _ratio), n=len(sums))
        rows.append(ShiftError(**vars(found), axes=(down, across), stride=strides))
    return list(rows)


def _squares(reader: MapReader, subject: Subject, strip: Strip, stride: int) -> _Squares:
    longer = strip.length // subject.size[strip.axis - 2]
    strides = 1 if strip.free or longer == 1 else longer + 1  # one more, because windows may be as many places wide
    parts = []
    for chunk in subject.chunks(_IMAGES, at_once=_AT_ONCE):
        images = extend(chunk, strip.axis, strip.length, strip.image.shape[5 - strip.axis])
        still, by_strides, by_pixel = (_map(reader, images.roll(by, strip.axis)) for by in (0, strides * stride, 1))
        moved = still.roll(strides, strip.axis)
        between = still + (still.roll(1, strip.axis) - still) / stride
        varying = still - reduce(_compared(still, strip, strides), "b c h w -> 1 c 1 1", "mean")
        maps = (by_strides - moved, by_pixel - between, varying)
        parts.append([reduce(_compared(map, strip, strides) ** 2, "b c h w -> b", "sum").cpu() for map in maps])
    return _Squares(*(torch.cat(sums) for sums in zip(*parts, strict=True)))


def _map(reader: MapReader, images: Images) -> Map:
    map = reader(images)
    if map is None:
        raise ValueError("the map has no place among others when the image is shifted")
    return map.double()


def _compared(map: Map, strip: Strip, strides: int) -> Float[Tensor, "b d rows columns"]:
    """The places that no border reaches, or that are none of the outer eighth; neither before the shift nor after."""
    edge, places = strip.places // 8, map.shape[strip.axis]
    inner = set(strip.free) or set(range(edge, places - edge))
    stay = [place for place in sorted(inner) if place - strides in inner]
    return map.index_select(strip.axis, torch.tensor(stay, device=map.device))


def _stack(axes: list[Float[Tensor, " n"]]) -> Float[np.ndarray, "n axes"]:
    return torch.stack(axes, dim=1).numpy()


def _ratio(sums: Float[np.ndarray, "n axes 2"]) -> float:
    """Of the sums over images, root mean square over axes."""
    error, whole = np.moveaxis(sums.sum(0), -1, 0)
    return sqrt(float(np.mean(error / whole)))


PROBE = Probe(
    number=4,
    name="shift",
    question="Does the network follow when the image moves?",
    profile=Profile.FAST,
    metrics=METRICS,
    measure=measure,
)
