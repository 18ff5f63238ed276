"""What do the skips of a U-Net carry, and do they restore locality?

Ronneberger et al. 2015, arXiv:1505.04597, sec. 2: the maps of the contracting path are merged into the expansive one
so that it can localise. Here they are replaced by zeros: how far does the output move, and how wide does the response
of one output pixel become? Its width is the radius of the disc around the pixel that holds half of the energy
of the gradient (Luo et al. 2016, arXiv:1701.04128), as in the effective receptive field.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import isqrt
from typing import NamedTuple

import numpy as np
import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor, nn

from anmok.capture import untouched
from anmok.probes.intervals import bootstrap
from anmok.probes.probe import Probe, Profile
from anmok.probes.result import Metric, ProbeResult
from anmok.probes.subject import Subject
from anmok.shapes import Images
from anmok.zoo.unet import PaddedUNet, UNet

_IMAGES = 8

EFFECT = Metric(
    "skip effect",
    "|y without one skip - y| / |y| of the logits y, mean over images, the skip that matters most, version 1",
    "ratio",
)
_RADIUS = "radius that holds half of the squared gradient of a Gaussian projection of a middle pixel's logits"
WITH = Metric("response radius", f"{_RADIUS}, version 1", "px")
WITHOUT = Metric("response radius without skips", f"{_RADIUS}, all skips zero, version 1", "px")
METRICS = (EFFECT, WITH, WITHOUT)


@dataclass(frozen=True, kw_only=True)
class SkipEffect(ProbeResult):
    """The largest of the relative changes, and each; finest skip last, as the network uses them."""

    effects: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class ResponseRadius(ProbeResult):
    """The radius, and the share of the energy by the distance from the output pixel, mean over images."""

    energy: Float[np.ndarray, " distances"]  # within 0, 1, 2, ... pixels


def skip_connections(network: nn.Module, images: Images, *, seed: int = 0) -> tuple[ProbeResult, ...]:
    """A result for each of METRICS; `network` is a Segmenter or holds one, and `n` counts images."""
    skips = _skips(network)
    if not skips:
        note = "it is about networks that merge an encoder's maps into a decoder, such as those of create_segmenter"
        return tuple(metric.missing(note) for metric in METRICS)
    with untouched(network):
        effects = np.stack([_effects(network, image[None], skips) for image in images])
        response = response_energy(network, images, seed=seed)
        with _without(skips):
            bare = response_energy(network, images, seed=seed)
    return _largest([skip.name for skip in skips], effects), _radius(WITH, response), _radius(WITHOUT, bare)


def _largest(names: Sequence[str], effects: Float[np.ndarray, "n skips"]) -> ProbeResult:
    means = effects.mean(0)
    first = int(means.argmax())
    found = EFFECT.found(means[first], bootstrap(effects[:, first]), n=len(effects), note=f"without {names[first]}")
    return SkipEffect(**vars(found), effects=dict(zip(names, means.tolist(), strict=True)))


class _Skip(NamedTuple):
    """Where a map of the encoder enters the decoder."""

    name: str
    module: nn.Module
    drop: Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]  # a forward pre-hook


def _skips(network: nn.Module) -> list[_Skip]:
    """Coarsest first; none of networks that are no Segmenter of ours."""
    found = []
    for path, module in network.named_modules():
        if isinstance(module, UNet):
            found += [_Skip(f"{path}.merge.{i}".strip("."), m, _drop_half) for i, m in enumerate(module.merge)]
        elif isinstance(module, PaddedUNet):
            found += [_Skip(f"{path}.expand.{i}".strip("."), m, _drop_fine) for i, m in enumerate(module.expand)]
    return found


def _drop_half(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Of channels that were joined, the encoder's stand first."""
    beside, below = inputs[0].chunk(2, dim=1)
    return (torch.cat((torch.zeros_like(beside), below), dim=1),)


def _drop_fine(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    coarse, fine = inputs
    return coarse, torch.zeros_like(fine)


@contextmanager
def _without(skips: Sequence[_Skip]) -> Iterator[None]:
    with ExitStack() as hooks:
        for skip in skips:
            hooks.callback(skip.module.register_forward_pre_hook(skip.drop).remove)
        yield


@torch.no_grad()
def _effects(network: nn.Module, image: Images, skips: Sequence[_Skip]) -> Float[np.ndarray, " skips"]:
    whole = network(image).cpu().double()
    effects = []
    for skip in skips:
        with _without([skip]):
            effects.append(float((network(image).cpu().double() - whole).norm() / whole.norm()))
    return np.array(effects)


def response_energy(network: nn.Module, images: Images, *, seed: int = 0) -> Float[np.ndarray, "n distances"]:
    """Share of the energy within each squared distance, in squared pixels, of an output pixel in the middle.

    `network` answers with maps whose middle is the image's; nan where no gradient reaches the image.
    """
    with untouched(network), torch.enable_grad():
        return np.stack([_energy(network, image[None], seed) for image in images])


def _energy(network: nn.Module, image: Images, seed: int) -> Float[np.ndarray, " distances"]:
    pixels = image.detach().clone().requires_grad_()
    logits = network(pixels)
    k, rows, columns = logits.shape[1:]
    projection = torch.randn(k, generator=torch.Generator().manual_seed(seed)).to(logits)
    answer = (logits[0, :, rows // 2, columns // 2] * projection).sum()
    (gradient,) = torch.autograd.grad(answer, pixels)
    heat = reduce(gradient.cpu().double() ** 2, "1 c height width -> height width", "sum").numpy()
    height, width = heat.shape
    down = np.arange(height) - (height - rows) // 2 - rows // 2
    across = np.arange(width) - (width - columns) // 2 - columns // 2
    distances = down[:, None] ** 2 + across[None] ** 2
    energy = np.bincount(distances.ravel(), heat.ravel()).cumsum()
    return energy / energy[-1] if energy[-1] > 0 else np.full_like(energy, np.nan)


def _radius(metric: Metric, energy: Float[np.ndarray, "n distances"]) -> ProbeResult:
    energy = energy[np.isfinite(energy[:, 0])]
    if not len(energy):
        return metric.missing("no gradient of an output pixel reaches the image")
    radii = np.sqrt((energy < 0.5).sum(1))
    whole = np.arange(isqrt(energy.shape[1] - 1) + 1) ** 2
    found = metric.found(radii.mean(), bootstrap(radii), n=len(radii))
    return ResponseRadius(**vars(found), energy=energy[:, whole].mean(0))


def _measure(subject: Subject) -> Sequence[ProbeResult]:
    return skip_connections(subject.network, subject.images(_IMAGES), seed=subject.seed)


PROBE = Probe(
    number=16,
    name="skips",
    question="What do the skips of a U-Net carry, and do they restore locality?",
    profile=Profile.FULL,
    metrics=METRICS,
    measure=_measure,
)
