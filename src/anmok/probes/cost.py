"""What does an image cost, and how does that grow with its size?

Costs are multiply-adds, time and memory. Their exponents are slopes of log cost against log pixels over up to five
sizes of half to one and a half times the side: 1 for convolutions, 2 for attention among all places in the limit of
large images (Vaswani et al. 2017, arXiv:1706.03762, table 1), 1 for attention in windows. Where attention's own
products (2 n^2 d) cost as much as all the rest is found by extending the measured ratio of the two on logarithms;
for the usual Transformer block on paper, n = 6 d tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import numpy as np

from anmok.evaluation.attention_macs import MacSplit, split_macs
from anmok.evaluation.cost import compare_latencies, fused_layers, measure_activations, measure_memory
from anmok.probes.power_law import Estimate, fit_power_law
from anmok.probes.probe import Probe, Profile
from anmok.probes.resizing import attempt_near, named, resized, scaled
from anmok.probes.result import Metric, ProbeResult
from anmok.probes.subject import Subject
from anmok.shapes import Images

_FACTORS = (0.5, 0.75, 1.25, 1.5)  # of the side
_FEWEST = 3  # sizes of a fit
_SIZES = "slope of log cost on log pixels, up to 5 sizes of 0.5 to 1.5 x the side"

PARAMS = Metric("params", "parameters, frozen ones included, version 1", "")
MACS = Metric("MACs", "multiply-adds of convolutions and matrix products, one image, version 1", "")
LATENCY = Metric("latency", "p50 of one image, least of 3 rounds of 4 in turns with other sizes, version 1", "ms")
MEMORY = Metric("peak memory", "weights, buffers, image and live activations, one image, version 1", "MiB")
MACS_GROWTH = Metric("MACs exponent", f"MACs, {_SIZES}, version 1", "")
LATENCY_GROWTH = Metric("latency exponent", f"latency, {_SIZES}, version 1", "")
MEMORY_GROWTH = Metric("memory exponent", f"peak live activations, {_SIZES}, version 1", "")
CROSSOVER = Metric(
    "attention crossover", "queries at which attention's products cost all other MACs, version 1", "tokens"
)
CROSSOVER_SIDE = Metric("attention crossover side", "square image at the attention crossover, version 1", "px")


@dataclass(frozen=True, kw_only=True)
class Growth(ProbeResult):
    """The exponent; `n` counts sizes and the interval is Student's, of the fit."""

    curve: dict[int, float]  # pixels -> cost, in the cost's own unit


@dataclass(frozen=True, kw_only=True)
class Crossover(ProbeResult):
    """Where attention overtakes; the interval is that of the fit, by the delta method."""

    shares: dict[int, float]  # pixels -> attention's products as a share of the MACs


class _Sizes(NamedTuple):
    """One image at its own size and at others that are taken, in their order."""

    images: list[Images]
    own: int  # place of the native size
    refusal: str  # of a size that is not taken, if any

    @property
    def pixels(self) -> list[int]:
        return [image.shape[2] * image.shape[3] for image in self.images]

    @property
    def too_few(self) -> str:
        """Why nothing can be said about growth; empty where something can."""
        taken, tried = len(self.images), 1 + len(_FACTORS)
        if taken >= _FEWEST:
            return ""
        return f"growth needs {_FEWEST} sizes and the network takes {taken} of {tried}: {self.refusal}"


def cost(subject: Subject) -> list[ProbeResult]:
    """Measure one image at its own size, and at those near half to one and a half times its side that are taken."""
    network, sizes = subject.network, _find_sizes(subject)
    with fused_layers(enabled=True):
        latencies = compare_latencies([(network, image) for image in sizes.images], rounds=3, repeats=4)
    macs = [split_macs(network, image) for image in sizes.images]
    activations = [measure_activations(network, image) for image in sizes.images]
    latency = latencies[sizes.own]
    return [
        PARAMS.found(sum(p.numel() for p in network.parameters())),
        MACS.found(macs[sizes.own].total),
        LATENCY.found(latency.p50, n=latency.n),
        MEMORY.found(measure_memory(network, sizes.images[sizes.own])),
        _growth(MACS_GROWTH, sizes, [m.total for m in macs]),
        _growth(LATENCY_GROWTH, sizes, [latency.p50 for latency in latencies]),
        _growth(MEMORY_GROWTH, sizes, activations),
        *_crossover(sizes, macs),
    ]


def _find_sizes(subject: Subject) -> _Sizes:
    image = subject.images(1)
    attempts = [attempt_near(subject.network, image, scaled(subject.size, factor)) for factor in _FACTORS]
    sizes = sorted({subject.size} | {a.size for a in attempts if not a.refusal}, key=lambda size: size[0] * size[1])
    refusal = next((f"at {named(a.size)}, {a.refusal}" for a in attempts if a.refusal), "")
    return _Sizes([resized(image, size) for size in sizes], sizes.index(subject.size), refusal)


def _growth(metric: Metric, sizes: _Sizes, costs: Sequence[float]) -> ProbeResult:
    if sizes.too_few:
        return metric.missing(sizes.too_few)
    if min(costs) <= 0:
        return metric.missing("the cost is 0, which does not grow")
    exponent = fit_power_law(sizes.pixels, costs).exponent
    found = metric.found(exponent.value, exponent.interval, n=len(costs))
    return Growth(**vars(found), curve=dict(zip(sizes.pixels, costs, strict=True)))


def _crossover(sizes: _Sizes, macs: Sequence[MacSplit]) -> tuple[ProbeResult, ProbeResult]:
    tokens = [m.tokens for m in macs]
    why = _no_crossover(sizes, macs)
    law = None if why else fit_power_law(tokens, [m.attention / m.rest for m in macs])
    if law is not None and law.exponent.low < 0.1:
        why = "attention's share of the MACs does not grow with the number of tokens"
    if law is None or why:
        return CROSSOVER.missing(why), CROSSOVER_SIDE.missing(why)
    found = law.unity
    per_token, without = np.polyfit(tokens, sizes.pixels, 1)
    side = Estimate(*(sqrt(max(0.0, per_token * n + without)) for n in found))
    shares = {pixels: m.attention / m.total for pixels, m in zip(sizes.pixels, macs, strict=True)}
    beyond = "" if min(tokens) <= found.value <= max(tokens) else f"extended from {min(tokens)} to {max(tokens)} tokens"
    n = len(tokens)
    return (
        Crossover(**vars(CROSSOVER.found(found.value, found.interval, n=n, note=beyond)), shares=shares),
        CROSSOVER_SIDE.found(side.value, side.interval, n=n, note=beyond),
    )


def _no_crossover(sizes: _Sizes, macs: Sequence[MacSplit]) -> str:
    """Why there is none; empty where a fit can be tried."""
    if not any(m.attention for m in macs):
        return "there is no attention: no product of two factors that both follow from the image"
    if sizes.too_few:
        return sizes.too_few
    if not all(m.attention and m.rest for m in macs):
        return "one of attention and the rest costs nothing"
    if max(m.tokens for m in macs) < 1.2 * min(m.tokens for m in macs):
        return f"attention looks at {macs[-1].tokens} tokens at once whatever the size, as in windows"
    return ""


PROBE = Probe(
    number=1,
    name="cost",
    question="What does an image cost, and how does that grow with its size?",
    profile=Profile.FAST,
    metrics=(PARAMS, MACS, LATENCY, MEMORY, MACS_GROWTH, LATENCY_GROWTH, MEMORY_GROWTH, CROSSOVER, CROSSOVER_SIDE),
    measure=cost,
)
