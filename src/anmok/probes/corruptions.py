"""How much does a classifier still recognise in noisy, blurred, pale, bright or coarse images?

The idea is that of Hendrycks & Dietterich 2019, arXiv:1903.12261, the set is our own: six kinds in three severities,
computed in memory. So the value is no mCE, which is over their 15 kinds in 5 severities from their files, and relative
to AlexNet's; ours is the share of right answers that stay right, and the rise of the error in points.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from einops import reduce
from jaxtyping import Bool
from torch.nn import functional as F

from anmok.capture import untouched
from anmok.errors import RequestError
from anmok.evaluation.metrics import Proportion, accuracy
from anmok.probes.answers import judged, right_answers
from anmok.probes.filters import blurred
from anmok.probes.intervals import bootstrap
from anmok.probes.probe import Probe, Profile
from anmok.probes.result import Metric, ProbeResult
from anmok.probes.subject import Subject
from anmok.shapes import Images

_IMAGES = 128
SEVERITIES = (1, 2, 3)

KEPT = Metric(
    "accuracy kept under corruption",
    f"share of right answers kept, mean of our 6 corruptions in 3 severities, {_IMAGES} images at most, version 1",
    "share",
)
RISE = Metric(
    "corruption error rise",
    f"error less that of intact images, mean of our 6 corruptions in 3 severities, {_IMAGES} images at most, version 1",
    "points",
)
METRICS = (KEPT, RISE)


@dataclass(frozen=True, kw_only=True)
class Corrupted(ProbeResult):
    """The mean over kinds and severities, bootstrap over the images answered right, which `n` counts."""

    kept: dict[str, tuple[Proportion, ...]]  # kind -> share of right answers, by severity, Wilson
    intact: Proportion  # accuracy


def corrupt(images: Images, kind: str, severity: int, *, seed: int = 0, start: int = 0) -> Images:
    """Images in [0, 1] after a corruption of a severity from 1 to 3; 0 leaves them as they are.

    Noise depends on the seed, the kind, the severity and the place of each image, `start` being that of the first.
    """
    if kind not in KINDS or not 0 <= severity <= len(SEVERITIES):
        raise RequestError(
            f"A corruption is one of {', '.join(KINDS)}, in a severity from 0 to {len(SEVERITIES)}: got '{kind}' and "
            f"{severity}. Choose among these."
        )
    if severity == 0:
        return images
    change, strengths = KINDS[kind]
    sources = [
        np.random.default_rng((seed, list(KINDS).index(kind), severity, start + place)) for place in range(len(images))
    ]
    return change(images, strengths[severity - 1], sources).clamp(0, 1)


Sources = list[np.random.Generator]  # of random numbers, one for each image


def _gaussian_noise(images: Images, deviation: float, sources: Sources) -> Images:
    noise = np.stack([source.standard_normal(images.shape[1:], dtype=np.float32) for source in sources])
    return images + deviation * torch.from_numpy(noise).to(images)


def _impulse_noise(images: Images, share: float, sources: Sources) -> Images:
    """Salt and pepper: that share of all values becomes 0 or 1, as often."""
    draws = torch.from_numpy(np.stack([source.random(images.shape[1:], dtype=np.float32) for source in sources]))
    draws = draws.to(images)
    return torch.where(draws < share / 2, 0.0, torch.where(draws < share, 1.0, images))


def _blur(images: Images, share: float, sources: Sources) -> Images:
    """Gaussian, of a standard deviation that is a share of the shorter side."""
    return blurred(images, share * min(images.shape[2:]))


def _contrast(images: Images, factor: float, sources: Sources) -> Images:
    """Towards the mean of each channel of each image, which stays."""
    mean = reduce(images, "b c height width -> b c 1 1", "mean")
    return mean + factor * (images - mean)


def _brightness(images: Images, more: float, sources: Sources) -> Images:
    return images + more


def _pixelate(images: Images, share: float, sources: Sources) -> Images:
    """Means over as many cells along each side as that share of it."""
    height, width = images.shape[2:]
    cells = F.adaptive_avg_pool2d(images, (max(1, round(share * height)), max(1, round(share * width))))
    return F.interpolate(cells, size=(height, width), mode="nearest")


# What is done, and how strongly in each severity; sizes are relative to the side, so that small images stay readable.
KINDS: Mapping[str, tuple[Callable[[Images, float, Sources], Images], tuple[float, float, float]]] = MappingProxyType(
    {
        "gaussian noise": (_gaussian_noise, (0.06, 0.12, 0.24)),
        "impulse noise": (_impulse_noise, (0.02, 0.06, 0.15)),
        "blur": (_blur, (0.01, 0.02, 0.04)),
        "contrast": (_contrast, (0.5, 0.3, 0.15)),
        "brightness": (_brightness, (0.1, 0.2, 0.35)),
        "pixelate": (_pixelate, (0.5, 0.3, 0.2)),
    }
)


def corruptions(subject: Subject) -> tuple[ProbeResult, ProbeResult]:
    """Answer the same images after each corruption."""
    with untouched(subject.network):
        intact = judged(subject, _IMAGES)
        if isinstance(intact, str):
            return KEPT.missing(intact), RISE.missing(intact)
        right = {kind: [_right(subject, kind, severity) for severity in SEVERITIES] for kind in KINDS}
    each = np.mean([answers for kind in right.values() for answers in kind], axis=0)
    found = KEPT.found(each[intact].mean(), bootstrap(each[intact]), n=int(intact.sum()))
    kept = {kind: tuple(accuracy(answers[intact]) for answers in answers_by) for kind, answers_by in right.items()}
    rises = 100 * (intact - each)
    rise = RISE.found(rises.mean(), bootstrap(rises), n=len(rises))
    return Corrupted(**vars(found), kept=kept, intact=accuracy(intact)), rise


def _right(subject: Subject, kind: str, severity: int) -> Bool[np.ndarray, " n"]:
    return right_answers(
        subject, _IMAGES, lambda images, start: corrupt(images, kind, severity, seed=subject.seed, start=start)
    )


PROBE = Probe(
    number=13,
    name="corruptions",
    question="How much does it still recognise in noisy, blurred, pale, bright or coarse images?",
    profile=Profile.FULL,
    metrics=METRICS,
    measure=corruptions,
)
