"""How do gradients travel through the depth of a network, and do they stay smooth?

The norm of the gradient by depth: Glorot & Bengio 2010, sec. 4.2; He et al. 2015, arXiv:1502.01852, sec. 2.2. The loss
is a Gaussian projection of the output, which needs no labels and does not vanish where training has ended.
Shattered gradients: Balduzzi et al. 2017, arXiv:1702.08591, fig. 1. Departs from the paper, whose networks have one
input and gradients of mean zero over many draws of the weights: for images, products of slopes become inner products
of gradients, at the ends and six points between two images, and no mean is taken away. So a constant gradient has
the autocorrelation 1, and white noise 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import nan
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from anmok.capture import as_tensor, find_blocks, untouched
from anmok.capture.watching import keeps_shape, watching
from anmok.probes.intervals import bootstrap
from anmok.probes.probe import Probe, Profile
from anmok.probes.result import Metric, ProbeResult
from anmok.probes.subject import Subject
from anmok.shapes import Images

_IMAGES = 8
_POINTS = 8  # of a line between two images
_LINES = 4

SLOPE = Metric(
    "gradient slope",
    "slope of ln |dL/dh| of the blocks' outputs h, first to last; mean over images, L a Gaussian projection, version 1",
    "per block",
)
RANGE = Metric(
    "gradient range",
    "largest over smallest |dL/dh| of the blocks' outputs; geometric mean, L a Gaussian projection, version 1",
    "times",
)
BRANCH = Metric(
    "branch ratio",
    "|f(x) - x| / |x|, mean over images, median over the blocks that keep their shape, version 1",
    "ratio",
)
COSINE = Metric(
    "branch cosine",
    "cosine of x and f(x) - x, mean over images and over the blocks that keep their shape, version 1",
    "cosine",
)
SHATTERING = Metric(
    "gradient autocorrelation",
    f"lag 1, no mean removed, of dL/dx at {_POINTS} points of a line of images, L a Gaussian projection, version 1",
    "correlation",
)
METRICS = (SLOPE, RANGE, BRANCH, COSINE, SHATTERING)


@dataclass(frozen=True, kw_only=True)
class GradientFlow(ProbeResult):
    """The slope, positive where gradients vanish on their way to the input; what it was drawn through."""

    blocks: tuple[str, ...]
    norms: Float[np.ndarray, "n blocks"]  # |dL/dh| of every image


@dataclass(frozen=True, kw_only=True)
class BranchRatio(ProbeResult):
    """The median over blocks, and each."""

    blocks: tuple[str, ...]
    ratios: Float[np.ndarray, " blocks"]


def gradient_flow(network: nn.Module, images: Images, *, seed: int = 0) -> tuple[ProbeResult, ...]:
    """A result for each of METRICS; `n` counts images, of the autocorrelation lines."""
    with untouched(network), torch.enable_grad():
        blocks = find_blocks(network, images)
        looks = [_Look(network, image[None], blocks, seed + i) for i, image in enumerate(images)]
        lines = [_autocorrelation(network, first, last, seed + i) for i, (first, last) in enumerate(_pairs(images))]
    return (*_norms(looks), *_branches(looks), _shattering(np.array(lines)))


class _Look:
    """One image's way through the blocks and back: three numbers of each, nan where there is none."""

    def __init__(self, network: nn.Module, image: Images, blocks: dict[str, nn.Module], seed: int) -> None:
        self.norms, self.ratios, self.cosines = (dict.fromkeys(blocks, nan) for _ in range(3))
        pixels = image.detach().clone().requires_grad_()
        with watching(blocks, self._look):
            output = network(pixels)
        _gradient(output, pixels, seed)

    def _look(self, name: str, taken: Any, given: Any) -> None:
        h = as_tensor(given)
        if h is None:
            return
        if h.requires_grad:  # the hook is told the gradient of h as it is now, whatever writes into it later
            h.register_hook(partial(self._arrive, name))
        x = as_tensor(taken)
        if x is not None and keeps_shape(taken, given):
            x, branch = x.cpu().double(), h.detach().cpu().double() - x.cpu().double()
            self.ratios[name] = float(branch.norm() / x.norm())
            self.cosines[name] = float((x * branch).sum() / (x.norm() * branch.norm()))

    def _arrive(self, name: str, gradient: Tensor) -> None:
        self.norms[name] = float(gradient.cpu().double().norm())


def _gradient(output: Any, pixels: Images, seed: int) -> Images:
    """Of a Gaussian projection of the output, the same for every image; zeros where the output has none."""
    y = as_tensor(output)
    if y is None or not y.requires_grad:
        return torch.zeros_like(pixels)
    direction = torch.randn(y.shape[1:], generator=torch.Generator().manual_seed(seed)).to(y)
    (gradient,) = torch.autograd.grad((y * direction).sum(), pixels, allow_unused=True)
    return torch.zeros_like(pixels) if gradient is None else gradient


def _norms(looks: Sequence[_Look]) -> tuple[ProbeResult, ProbeResult]:
    names, norms = _table([look.norms for look in looks])
    norms = norms[(norms > 0).all(1)]
    if len(names) < 2:
        note = f"it compares blocks that a gradient reaches, and this network has {len(names)}"
        return SLOPE.missing(note), RANGE.missing(note)
    if not len(norms):
        note = "every image has a block to which no gradient comes"
        return SLOPE.missing(note), RANGE.missing(note)
    logs = np.log(norms)
    depth = np.arange(len(names)) - (len(names) - 1) / 2
    slopes, ranges = logs @ depth / (depth**2).sum(), np.ptp(logs, axis=1)
    slope = SLOPE.found(slopes.mean(), bootstrap(slopes), n=len(norms))
    low, high = bootstrap(ranges, lambda rows: float(np.exp(rows.mean())))
    return (
        GradientFlow(**vars(slope), blocks=names, norms=norms),
        RANGE.found(np.exp(ranges.mean()), (low, high), n=len(norms)),
    )


def _branches(looks: Sequence[_Look]) -> tuple[ProbeResult, ProbeResult]:
    names, ratios = _table([look.ratios for look in looks])
    if not names:
        note = "no block gives the shape that it takes, so none has a branch beside the identity"
        return BRANCH.missing(note), COSINE.missing(note)
    _, cosines = _table([look.cosines for look in looks])
    whole = BRANCH.found(_median(ratios), bootstrap(ratios, _median), n=len(ratios))
    branch = BranchRatio(**vars(whole), blocks=names, ratios=ratios.mean(0))
    if not cosines.size:
        return branch, COSINE.missing("every block that keeps its shape gives back what it takes")
    return branch, COSINE.found(cosines.mean(), bootstrap(cosines), n=len(cosines))


def _median(ratios: Float[np.ndarray, "n blocks"]) -> float:
    return float(np.median(ratios.mean(0)))


def _table(rows: Sequence[dict[str, float]]) -> tuple[tuple[str, ...], Float[np.ndarray, "n blocks"]]:
    """The blocks that have a number in every row, and the numbers."""
    names = tuple(name for name in rows[0] if all(np.isfinite(row[name]) for row in rows))
    return names, np.array([[row[name] for name in names] for row in rows]).reshape(len(rows), len(names))


def _pairs(images: Images) -> Sequence[tuple[Tensor, Tensor]]:
    return list(pairwise(images))[::2][:_LINES]


def _autocorrelation(network: nn.Module, first: Tensor, last: Tensor, seed: int) -> float:
    """Along one line; nan where some point has no gradient."""
    along = torch.linspace(0, 1, _POINTS, device=first.device)[:, None, None, None]
    pixels = torch.lerp(first[None], last[None], along).requires_grad_()
    gradients = _gradient(network(pixels), pixels, seed).cpu().double().flatten(1)
    before, after = gradients[:-1], gradients[1:]
    return float((before * after).sum() / (before.norm() * after.norm()))


def _shattering(lines: Float[np.ndarray, " lines"]) -> ProbeResult:
    if not len(lines):
        return SHATTERING.missing("a line needs two images, and one was given")
    lines = lines[np.isfinite(lines)]
    if not len(lines):
        return SHATTERING.missing("no gradient of the output reaches the pixels")
    return SHATTERING.found(lines.mean(), bootstrap(lines), n=len(lines))


def _measure(subject: Subject) -> Sequence[ProbeResult]:
    return gradient_flow(subject.network, subject.images(_IMAGES), seed=subject.seed)


PROBE = Probe(
    number=6,
    name="gradient flow",
    question="How do gradients travel through the depth of the network, and do they stay smooth?",
    profile=Profile.FAST,
    metrics=METRICS,
    measure=_measure,
)
