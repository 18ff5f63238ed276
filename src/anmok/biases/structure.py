"""The structural table: what a component takes for granted before it has seen any data.

Battaglia et al. 2018, arXiv:1806.01261, table 1, measured: its column "invariance" by the relative equivariance errors
|r(Tx) - T r(x)| / |r(x)|, "relations" by which entities the Jacobian reaches, "entities" by how the number of
parameters grows with them. In float64, so that what holds in theory is zero but for rounding.
For shifts r(x) = f(x) - f(0), the response to what moves, compared where neither end of the grid or sequence reaches.
"""

from collections.abc import Callable
from functools import partial
from math import log2

import numpy as np
import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Generator, Tensor, nn

from anmok.biases.entities import Adjacency, Component, Entities, as_grid, as_seen
from anmok.biases.fitting import build, fit_width, one_thread
from anmok.catalogue.makers import FAULTS, reason
from anmok.evaluation.cost import count_params
from anmok.probes import Metric, ProbeResult
from anmok.probes.intervals import bootstrap
from anmok.probes.shift import degree

_SIDE, _STEPS, _NODES, _CHANNELS, _OUT = 16, 48, 12, 4, 4
_REACH = 3  # places
_INITIAL = 4  # random weights, over which the intervals are
_OF = "weights of 4 seeds, float64, version 1"

SPACE = Metric(
    "space shift", f"equivariance error, 2 rows and 1 column on a {_SIDE} x {_SIDE} grid, interior, {_OF}", ""
)
TIME = Metric("time shift", f"equivariance error, 4 of {_STEPS} steps, after a burst near the start, {_OF}", "")
NODES = Metric("node order", f"equivariance error, {_NODES} nodes renumbered and the adjacency with them, {_OF}", "")
SET = Metric("set order", f"equivariance error, {_NODES} entities reordered, no adjacency, {_OF}", "")
GROWTH = Metric("parameters", "exponent of the parameters in the entities, 32 to 64, width kept, version 1", "")
SIZES = Metric("runs at", "most of 1, 2 and 4 times the 32 entities it was made for, version 1", "x n")
NEAR = Metric(
    "near share", f"squared Jacobian of a 10 x 10 grid's centre within {_REACH} places, itself left out, {_OF}", ""
)
METRICS = (SPACE, TIME, NODES, SET, GROWTH, SIZES, NEAR)
INVARIANCES = frozenset(metric.name for metric in (SPACE, TIME, NODES, SET))
UNIFORM = 48 / 99  # near share of a component that weighs all alike


def word(result: ProbeResult) -> str:
    """What an equivariance error means; empty for other metrics, and where there is no value."""
    if result.metric not in INVARIANCES or result.value != result.value:
        return ""
    return degree(result.value)


def structure(component: Component, *, seed: int = 0) -> tuple[ProbeResult, ...]:
    """The row of one untrained component, a result for each of METRICS.

    What it raises is the reason in a number's place.
    """
    with one_thread(), torch.no_grad():
        return (
            _over_weights(SPACE, partial(_space_error, component), seed),
            _over_weights(TIME, partial(_time_error, component), seed),
            _over_weights(NODES, partial(_node_error, component), seed),
            _over_weights(SET, partial(_set_error, component), seed),
            _growth(component),
            _sizes(component),
            _over_weights(NEAR, partial(_near_share, component), seed),
        )


def _over_weights(metric: Metric, measure: Callable[[int], float], seed: int) -> ProbeResult:
    try:
        values = np.array([measure(_INITIAL * seed + i) for i in range(_INITIAL)])
    except FAULTS as error:
        return metric.missing(reason(error))
    if np.isnan(values).any():
        return metric.missing("the answer depends on nothing there")
    return metric.found(values.mean(), bootstrap(values), n=_INITIAL)


def _network(component: Component, entities: Entities, seed: int) -> nn.Module:
    return build(component, entities, fit_width(component, entities), seed).double().eval()


def _error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def _response(network: nn.Module, x: Float[Tensor, "b n c"], adjacency: Adjacency = None) -> Float[Tensor, "b n out"]:
    blank = None if adjacency is None else torch.zeros_like(adjacency)
    return network(x, adjacency) - network(torch.zeros_like(x), blank)


def _space_error(component: Component, seed: int) -> float:
    network = _network(component, Entities(n=_SIDE**2, c=_CHANNELS, out=_OUT, rows=_SIDE), seed)
    grid = torch.zeros(1, _SIDE, _SIDE, _CHANNELS, dtype=torch.float64)
    grid[:, 6:8, 6:8] = _normal(seed, 1, 2, 2, _CHANNELS)
    plain, shifted = (
        as_grid(_response(network, rearrange(x, "b h w c -> b (h w) c")), _SIDE)
        for x in (grid, grid.roll((2, 1), dims=(1, 2)))
    )
    end = _SIDE - _REACH
    return _error(shifted[:, :, _REACH + 2 : end, _REACH + 1 : end], plain[:, :, _REACH : end - 2, _REACH : end - 1])


def _time_error(component: Component, seed: int) -> float:
    network = _network(component, Entities(n=_STEPS, c=_CHANNELS, out=_OUT), seed)
    steps = torch.zeros(1, _STEPS, _CHANNELS, dtype=torch.float64)
    steps[:, 6:9] = _normal(seed, 1, 3, _CHANNELS)
    plain, delayed = (_response(network, x) for x in (steps, steps.roll(4, dims=1)))
    end = _STEPS - _REACH
    return _error(delayed[:, _REACH + 4 : end], plain[:, _REACH : end - 4])


def _node_error(component: Component, seed: int) -> float:
    above = (_normal(seed, 8, _NODES, _NODES) > 0.4).triu(1)  # a third of the edges
    return _order_error(component, seed, (above | above.mT).double())


def _set_error(component: Component, seed: int) -> float:
    return _order_error(component, seed, None)


def _order_error(component: Component, seed: int, adjacency: Adjacency) -> float:
    x = _normal(seed, 8, _NODES, _CHANNELS)
    order = torch.randperm(_NODES, generator=Generator().manual_seed(seed))
    reordered = None if adjacency is None else adjacency[:, order][:, :, order]
    before, after = as_seen(component, x, adjacency), as_seen(component, x[:, order], reordered)
    network = _network(component, Entities(n=_NODES, c=before[0].shape[2], out=_OUT), seed)
    return _error(_response(network, *after), _response(network, *before)[:, order])


def _near_share(component: Component, seed: int) -> float:
    side = 10
    network = _network(component, Entities(n=side**2, c=_CHANNELS, out=_OUT, rows=side), seed)
    x = _normal(seed, 8, side**2, _CHANNELS).requires_grad_()
    with torch.enable_grad():
        answers = network(x)[:, side * side // 2 + side // 2]
        (gradient,) = torch.autograd.grad((answers * _normal(seed, 8, _OUT)).sum(), x)
    energy = as_grid(reduce(gradient.square(), "b n c -> 1 n 1", "sum"), side)[0, 0]
    middle = side // 2
    energy[middle, middle] = 0
    near = slice(middle - _REACH, middle + _REACH + 1)
    return float(energy[near, near].sum() / energy.sum())


def _growth(component: Component) -> ProbeResult:
    small, large = (Entities(n=n, c=_CHANNELS, out=_OUT) for n in (32, 64))
    try:
        width = fit_width(component, small)
        sizes = [count_params(build(component, entities, width, seed=0)) for entities in (small, large)]
    except FAULTS as error:
        return GROWTH.missing(reason(error))
    return (
        GROWTH.found(log2(sizes[1] / sizes[0]), note=f"{sizes[0]} parameters")
        if sizes[0]
        else GROWTH.missing("it has no parameters")
    )


def _sizes(component: Component) -> ProbeResult:
    most, note = 0, ""
    try:
        network = _network(component, Entities(n=32, c=_CHANNELS, out=_OUT), seed=0)
        for times in (1, 2, 4):
            network(_normal(0, 1, 32 * times, _CHANNELS))
            most = times
    except FAULTS as error:
        note = reason(error)
    return SIZES.found(most, note=note) if most else SIZES.missing(note)


def _normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)
