"""Data efficiency of a whole image classifier, by a task that costs seconds.

One of four patterns of 8 x 8 pixels lies somewhere in the left half of noise, and the network is trained to name it
from few images. Whether it then finds the patterns in the right half, and in larger images, says what it took for
granted: the tasks motif and size-jump of the trained table, for networks.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Generator, Tensor, nn

from anmok.biases.fitting import fit, one_thread, score
from anmok.biases.learning_curve import efficiency, found_accuracy
from anmok.catalogue.makers import FAULTS, reason
from anmok.probes import Metric, ProbeResult
from anmok.shapes import Images, Labels

SIDE, LARGE = 32, 48  # pixels of an image
CURVE = (64, 256, 1024)  # images
CLASSES = 4
_PATCH, _STRENGTH = 8, 3  # pixels; in deviations of the noise
_BATCH, _STEPS, _TEST = 32, 120, 500
_HOW = (
    f"4 patterns of {_PATCH} px, {_STRENGTH} deviations, in noise of {SIDE} px, AdamW, {_STEPS} steps of {_BATCH}, "
    "version 1"
)

EFFICIENCY = Metric(
    "ALC", f"area under (accuracy - chance) / (1 - chance) over log images, {', '.join(map(str, CURVE))}, {_HOW}", ""
)
ELSEWHERE = Metric("accuracy elsewhere", f"in the right half, after {CURVE[-1]} images of the left, {_HOW}", "")
LARGER = Metric("accuracy larger", f"in the left half of {LARGE} px, after {CURVE[-1]} images, {_HOW}", "")
METRICS = (EFFICIENCY, ELSEWHERE, LARGER)

MakeNetwork: TypeAlias = Callable[[int], nn.Module]  # classes -> an untrained network for images of SIDE pixels


def data_efficiency(
    make_network: MakeNetwork, *, seed: int = 0, progress: Callable[[int, int, str], None] = lambda *done: None
) -> Sequence[ProbeResult]:
    """A row for each of METRICS; images are normalised, so the network's own normalisation does not matter.

    Weights are drawn from torch's random numbers and depend on the seed alone, as all else does. What the network
    raises is the reason in a number's place.
    """
    try:
        with one_thread():
            return _measure(make_network, seed, progress)
    except FAULTS as error:
        return [metric.missing(reason(error)) for metric in METRICS]


def _measure(make: MakeNetwork, seed: int, progress: Callable[[int, int, str], None]) -> list[ProbeResult]:
    images, labels = draw(CURVE[-1], SIDE, seed=4 * seed)
    test, answers = draw(_TEST, SIDE, seed=4 * seed + 1)
    curve = []
    for done, count in enumerate(CURVE):
        progress(done, len(CURVE), f"{count} images")
        network = _train(make, images[:count], labels[:count], seed)
        curve.append(_accuracy(EFFICIENCY, network, test, answers))
    elsewhere = _accuracy(ELSEWHERE, network, *draw(_TEST, SIDE, seed=4 * seed + 2, right=True))
    try:
        larger = _accuracy(LARGER, network, *draw(_TEST, LARGE, seed=4 * seed + 3))
    except FAULTS as error:
        larger = LARGER.missing(reason(error))
    progress(len(CURVE), len(CURVE), "")
    return [efficiency(EFFICIENCY, CURVE, curve, 1 / CLASSES), elsewhere, larger]


def _train(make: MakeNetwork, images: Images, labels: Labels, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = make(CLASSES)
    fit(network, lambda picked: network(images[picked]), labels, steps=_STEPS, batch=_BATCH, seed=seed)
    return network


def _accuracy(metric: Metric, network: nn.Module, images: Images, labels: Labels) -> ProbeResult:
    return found_accuracy(metric, score(lambda picked: network(images[picked]), labels).numpy())


def patterns() -> Float[Tensor, "4 8 8"]:
    """Orthogonal, of plus and minus one: products of a wide and a narrow square wave."""
    wide = torch.tensor([1.0, 1, 1, 1, -1, -1, -1, -1])
    narrow = torch.tensor([1.0, 1, -1, -1, 1, 1, -1, -1])
    return torch.stack([torch.outer(down, across) for down in (wide, narrow) for across in (wide, narrow)])


def draw(count: int, side: int, *, seed: int, right: bool = False) -> tuple[Images, Labels]:
    """Noise of unit variance with a pattern in one half, the same in all channels; and which it is."""
    generator = Generator().manual_seed(seed)
    images = torch.randn(count, 3, side, side, generator=generator)
    labels = torch.randint(CLASSES, (count,), generator=generator)
    rows = torch.randint(side - _PATCH + 1, (count, 1, 1), generator=generator)
    columns = torch.randint(side // 2 - _PATCH + 1, (count, 1, 1), generator=generator) + (side // 2 if right else 0)
    place, image = torch.arange(_PATCH), torch.arange(count)[:, None, None]
    last = rearrange(images, "b c height width -> b height width c")  # a view, so that the images change
    last[image, rows + place[:, None], columns + place] += rearrange(_STRENGTH * patterns()[labels], "b h w -> b h w 1")
    return images, labels
