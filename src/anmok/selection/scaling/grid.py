"""Which triples of factors to train: those under the constraint, by equation and by count.

Tan & Le 2019, arXiv:1905.11946, sec. 3.3: with phi = 1, a small grid of alpha, beta, gamma >= 1 such that
alpha * beta^2 * gamma^2 is about 2 (Guo et al. 2022, arXiv:2107.06263, sec. 3.4: 2.5). Small networks are far from
that equation, because layers, channels and pixels come in whole numbers: so the scaled networks are counted, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from itertools import product
from math import dist, log, sqrt

import torch

from anmok.backbone import Backbone, Scaling, Spec
from anmok.catalogue import create_model, require_model
from anmok.catalogue.scaling import UNSCALED
from anmok.errors import RequestError
from anmok.evaluation.cost import count_macs, count_params

STEPS = Scaling(depth=0.1, width=0.05, resolution=0.05)  # of the grid, from 1 upwards
NOMINAL = 0.1  # a triple's product lies within this share of the constraint
COUNTED = 0.15  # and so does the ratio of the MACs that are counted
_NEAR = 0.35  # as NOMINAL, for the axes alone, where the nearest count is taken
_MOST = 8  # compound triples


class Axis(StrEnum):
    """What a triple scales."""

    NONE = "unscaled"
    DEPTH = "depth only"
    WIDTH = "width only"
    RESOLUTION = "resolution only"
    COMPOUND = "compound"


@dataclass(frozen=True, kw_only=True)
class Triple:
    """One triple of factors and what the network that it gives costs."""

    scaling: Scaling
    axis: Axis
    image_size: int  # pixels
    params: int
    macs: int
    ratio: float  # of its MACs to those of the unscaled network


def scaled_spec(model: str, side: int, scaling: Scaling) -> Spec:
    """The numbers of a preset that is built for images of `side` pixels and then scaled."""
    spec = replace(require_model(model).spec, img_size=(side, side))
    if scaling == UNSCALED:
        return spec
    return spec.scaled(depth=scaling.depth, width=scaling.width, resolution=scaling.resolution)


def find_triples(model: str, side: int, num_classes: int, constraint: float) -> list[Triple]:
    """The unscaled network, each axis alone at equal MACs, and compound triples that lie far from one another.

    Of triples whose networks are the same, that which is nearest to the constraint stands for all. Raises
    `RequestError` where no compound triple is left, and `SpecError` where the family cannot be scaled.
    """
    scaled_spec(model, side, UNSCALED._replace(depth=2.0))  # says why where that cannot be done

    @cache
    def count(spec: Spec) -> tuple[int, int]:
        with torch.device("meta"):
            network: Backbone = create_model(model, spec=spec, num_classes=num_classes)
            return count_macs(network, *spec.img_size), count_params(network)

    unscaled = scaled_spec(model, side, UNSCALED)

    def measure(scaling: Scaling) -> Triple:
        spec = scaled_spec(model, side, scaling)
        macs, params = count(spec)
        ratio = macs / count(unscaled)[0]
        size = spec.img_size[0]
        return Triple(scaling=scaling, axis=_axis(scaling), image_size=size, params=params, macs=macs, ratio=ratio)

    alone = [_nearest(model, side, axis, constraint, measure) for axis in range(3)]
    fitting = [measure(s) for s in _distinct(model, side, constraint)]
    fitting = [t for t in fitting if abs(t.ratio / constraint - 1) <= COUNTED and t.axis is Axis.COMPOUND]
    if not fitting:
        raise RequestError(
            f"No triple of factors multiplies the MACs of {model} at {side} pixels by about {constraint:g}: its "
            "layers, channels or pixels are too few. Choose a larger --model, --image-size or --constraint."
        )
    singles = [triple for triple in alone if triple]
    return [measure(UNSCALED), *singles, *_spread(fitting, singles)]


def _axis(scaling: Scaling) -> Axis:
    grown = [
        axis for axis, factor in zip((Axis.DEPTH, Axis.WIDTH, Axis.RESOLUTION), scaling, strict=True) if factor > 1
    ]
    return (grown[0] if len(grown) == 1 else Axis.COMPOUND) if grown else Axis.NONE


def _effective(model: str, side: int, axis: int, highest: float) -> list[float]:
    """Steps of one factor that change the network."""
    step, unscaled = STEPS[axis], scaled_spec(model, side, UNSCALED)
    factors = [round(1 + i * step, 2) for i in range(1, round((highest - 1) / step) + 1)]
    return [f for f in factors if scaled_spec(model, side, _along(axis, f)) != unscaled]


def _along(axis: int, factor: float) -> Scaling:
    return Scaling(*(factor if i == axis else 1.0 for i in range(3)))


def _nearest(
    model: str, side: int, axis: int, constraint: float, measure: Callable[[Scaling], Triple]
) -> Triple | None:
    """The factor that comes nearest to the constraint alone, where one does anything at all."""
    linear = axis == 0
    within = [constraint * (1 + share) if linear else sqrt(constraint * (1 + share)) for share in (-_NEAR, _NEAR)]
    factors = [f for f in _effective(model, side, axis, within[1]) if f >= within[0]]
    found = [measure(_along(axis, factor)) for factor in factors]
    return min(
        found, key=lambda t: (_distance(t.ratio, constraint), _distance(t.scaling.macs, constraint)), default=None
    )


def _distance(ratio: float, constraint: float) -> float:
    return abs(log(ratio / constraint))


def _distinct(model: str, side: int, constraint: float) -> list[Scaling]:
    """Triples near the constraint by the equation, one for each network."""
    highest = (constraint * (1 + NOMINAL), sqrt(constraint * (1 + NOMINAL)), sqrt(constraint * (1 + NOMINAL)))
    axes = [[1.0, *_effective(model, side, axis, most)] for axis, most in enumerate(highest)]
    near = [s for s in map(Scaling._make, product(*axes)) if abs(s.macs / constraint - 1) <= NOMINAL]
    near.sort(key=lambda s: -abs(s.macs / constraint - 1))
    return list({scaled_spec(model, side, s): s for s in near}.values())


def _spread(fitting: Sequence[Triple], chosen: Sequence[Triple]) -> list[Triple]:
    """One after another the triple that is farthest from all before it, in shares of the constraint's logarithm."""
    places = [_place(triple) for triple in chosen]
    left, order = list(fitting), list[Triple]()
    while left and len(order) < _MOST:
        farthest = max(left, key=lambda t: (min((dist(_place(t), p) for p in places), default=0.0), t.scaling))
        left.remove(farthest)
        places.append(_place(farthest))
        order.append(farthest)
    return order


def _place(triple: Triple) -> tuple[float, float, float]:
    depth, width, resolution = triple.scaling
    return log(depth), 2 * log(width), 2 * log(resolution)
