"""What does the loss of one block cost?

Veit et al. 2016, "Residual Networks Behave Like Ensembles of Relatively Shallow Networks", arXiv:1605.06431, sec. 4.1:
one block is deleted while the network answers, and the error rises. Departs from the paper, which keeps the
shortcut of a block that changes its shape: here a block is deleted by handing on what it takes, so only blocks
that keep their shape can be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from anmok.capture import as_tensor, find_blocks, untouched
from anmok.capture.watching import in_place_of, keeps_shape, watching
from anmok.probes.answers import judged, right_answers
from anmok.probes.intervals import bootstrap
from anmok.probes.probe import Probe, Profile
from anmok.probes.result import Metric, ProbeResult
from anmok.probes.subject import Subject

_IMAGES = 200

MEDIAN = Metric(
    "median lesion",
    f"rise of the error when a block hands on what it takes, median over blocks that keep their shape, {_IMAGES} "
    "images at most, version 1",
    "points",
)
WORST = Metric(
    "worst lesion",
    f"rise of the error when a block hands on what it takes, block that costs most, {_IMAGES} images at most, "
    "version 1",
    "points",
)
METRICS = (MEDIAN, WORST)


class Rise(NamedTuple):
    """Of the error, points, with its interval."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Lesions(ProbeResult):
    """The median over blocks, and what the loss of each costs."""

    rises: dict[str, Rise]


def lesions(subject: Subject) -> tuple[ProbeResult, ProbeResult]:
    """The median and the worst; `n` counts images. The worst block is the one of these images: a bit of it is luck."""
    with untouched(subject.network):
        right = judged(subject, _IMAGES)
        if isinstance(right, str):
            return _missing(right)
        names = _deletable(subject)
        if not names:
            return _missing("no block gives the shape that it takes, so none can be left out")
        rises = 100.0 * (right[:, None] - np.stack([_without(subject, name) for name in names], 1))
    return _results(names, rises)


def _deletable(subject: Subject) -> list[str]:
    """Blocks that keep their shape."""
    images = subject.images(1)
    names: list[str] = []
    with torch.no_grad():
        blocks = find_blocks(subject.network, images)
        with watching(blocks, lambda name, x, y: names.append(name) if keeps_shape(x, y) else None):
            subject.network(images)
    return names


def _without(subject: Subject, name: str) -> Float[np.ndarray, " n"]:
    def hand_on(_: str, taken: Any, given: Any) -> Any:
        x = as_tensor(taken)
        return None if x is None else in_place_of(given, x)

    with watching({name: subject.network.get_submodule(name)}, hand_on):
        return right_answers(subject, _IMAGES).astype(float)


def _results(names: Sequence[str], rises: Float[np.ndarray, "n blocks"]) -> tuple[ProbeResult, ProbeResult]:
    worst = int(rises.mean(0).argmax())
    count = len(rises)
    median = MEDIAN.found(_median(rises), bootstrap(rises, _median), n=count, note=f"over {len(names)} blocks")
    each = {n: Rise(float(r.mean()), *bootstrap(r)) for n, r in zip(names, rises.T, strict=True)}
    value, low, high = each[names[worst]]
    return Lesions(**vars(median), rises=each), WORST.found(value, (low, high), n=count, note=f"without {names[worst]}")


def _median(rises: Float[np.ndarray, "n blocks"]) -> float:
    return float(np.median(rises.mean(0)))


def _missing(note: str) -> tuple[ProbeResult, ProbeResult]:
    return MEDIAN.missing(note), WORST.missing(note)


PROBE = Probe(
    number=15,
    name="lesions",
    question="What does the loss of one block cost?",
    profile=Profile.FULL,
    metrics=METRICS,
    measure=lesions,
)
