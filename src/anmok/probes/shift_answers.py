"""Does a classifier give the same answer when the image moves?

Zhang 2019, "Making Convolutional Networks Shift-Invariant Again", arXiv:1904.11486, sec. 4.2: the share of images
that are answered alike at two random offsets; Azulay & Weiss 2019, arXiv:1805.12177, sec. 2: the share whose answer
changes when they move by 1 px. Departs from both: images of any size move by up to an eighth of their shorter side
behind a mirrored border, where Zhang cuts 224 px out of 256. A classifier that always says the same is consistent, so
that one has no result, and every result says how different the answers are.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn import functional as F

from anmok.capture import as_tensor
from anmok.evaluation.metrics import accuracy
from anmok.probes.result import Metric, ProbeResult
from anmok.probes.subject import Subject
from anmok.shapes import Images

_IMAGES = 96
_AT_ONCE = 32

_OFFSETS = f"random offsets up to 1/8 of the shorter side, mirrored border, {_IMAGES} images, version 1"
CONSISTENCY = Metric("shift consistency", f"images with the same answer at two {_OFFSETS}", "share")
FLIPS = Metric("pixel flip rate", f"images whose answer changes by 1 px more, {_OFFSETS}", "share")


@dataclass(frozen=True, kw_only=True)
class KeptAnswers(ProbeResult):
    """A share of images, Wilson interval; `n` counts images."""

    answers: int  # different ones
    agreement: float  # that two images chosen at random have: what the share is worth nothing below


def shift_answers(subject: Subject) -> list[ProbeResult]:
    """Rows for CONSISTENCY and FLIPS."""
    metrics = (CONSISTENCY, FLIPS)
    if not subject.trained:
        return [metric.missing(UNTRAINED) for metric in metrics]
    parts = [[answers(subject, moved) for moved in views] for views in _views(subject)]
    if any(part is None for views in parts for part in views):
        return [metric.missing(NO_LOGITS) for metric in metrics]
    one, other, next_to_it = (np.concatenate([views[i] for views in parts]) for i in range(3))
    return [
        kept_answers(CONSISTENCY, subject, one, one == other),
        kept_answers(FLIPS, subject, one, one != next_to_it),
    ]


UNTRAINED = "an untrained network's answers mean nothing"
NO_LOGITS = "the network does not answer each image with a row of logits"


def kept_answers(
    metric: Metric, subject: Subject, given: Int[np.ndarray, " n"], which: Bool[np.ndarray, " n"]
) -> ProbeResult:
    """The share of images that something holds for, unless all have the same answer."""
    counts = np.unique(given, return_counts=True)[1]
    if len(counts) == 1:
        return metric.missing(f"all {len(given)} images are given the same answer")
    share, agreement = accuracy(which), float(((counts / len(given)) ** 2).sum())
    note = f"{len(counts)} different answers, {100 * agreement:.0f} % alike by chance"
    if subject.labels is not None:
        right = given == subject.labels[: len(given)].cpu().numpy()
        note += f", {100 * right.mean():.1f} % right"
    found = metric.found(share.value, (share.low, share.high), n=share.n, note=note)
    return KeptAnswers(**vars(found), answers=len(counts), agreement=agreement)


@torch.no_grad()
def answers(subject: Subject, images: Images) -> Int[np.ndarray, " n"] | None:
    """The class with the largest logit; None where there are no rows of two logits or more."""
    logits = as_tensor(subject.network(images))
    if logits is None or logits.ndim != 2 or len(logits) != len(images) or logits.shape[1] < 2:
        return None
    return logits.argmax(1).cpu().numpy()


def _views(subject: Subject) -> Iterator[tuple[Images, Images, Images]]:
    """Some images at one offset, at another, and 1 px beside the first."""
    rng = np.random.default_rng(subject.seed)
    border = max(1, round(min(subject.size) / 16))
    for images in subject.chunks(_IMAGES, at_once=_AT_ONCE):
        wide = F.pad(images, (border,) * 4, mode="reflect")
        one, other = rng.integers(2 * border + 1, size=(2, len(images), 2))
        axis = rng.integers(2, size=len(images))
        step = np.where(rng.random(len(images)) < 0.5, 1, -1)
        beside = one.copy()
        rows = np.arange(len(images))
        inside = (one[rows, axis] + step >= 0) & (one[rows, axis] + step <= 2 * border)
        beside[rows, axis] += np.where(inside, step, -step)
        yield _cut(wide, one, subject.size), _cut(wide, other, subject.size), _cut(wide, beside, subject.size)


def _cut(wide: Tensor, offsets: Int[np.ndarray, "n 2"], size: tuple[int, int]) -> Images:
    height, width = size
    return torch.stack([image[:, r : r + height, c : c + width] for image, (r, c) in zip(wide, offsets, strict=True)])
