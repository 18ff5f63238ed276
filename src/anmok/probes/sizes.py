"""Which sizes and proportions of images does a network take, and does it answer the same there?

The same images are resized as a whole, so an answer at another size is an answer to the same content. Sizes are
tried as they are; proportions (width : height, as many pixels) at the nearest sides that patches and strides like,
since they are another question than divisibility. Agreement is asked at each size that is taken, or near it at one
that is, as Zhang (2019, arXiv:1904.11486, sec. 4) asks it of shifts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anmok.evaluation.metrics import Proportion, wilson
from anmok.probes.probe import Probe, Profile
from anmok.probes.resizing import (
    ASPECTS,
    Attempt,
    Size,
    attempt,
    attempt_near,
    named,
    of_aspect,
    outputs_at,
    scaled,
)
from anmok.probes.result import Metric, ProbeResult
from anmok.probes.subject import Subject

_FACTORS = (0.5, 0.75, 1.25, 2.0)  # of the side
_IMAGES = 32

SIZES = Metric("sizes taken", "share of 0.5, 0.75, 1.25 and 2 x the side that are taken, version 1", "share")
ASPECT_RATIOS = Metric(
    "aspect ratios taken", "share of 1:2, 2:3, 3:2 and 2:1 at about as many pixels that are taken, version 1", "share"
)
AGREEMENT = Metric(
    "size agreement", f"top-1 as at the native size, mean of up to 4 sizes, {_IMAGES} images, version 1", "share"
)


@dataclass(frozen=True, kw_only=True)
class Taken(ProbeResult):
    """Share of what was tried; `n` counts it, and no interval belongs to it."""

    outcomes: dict[str, str]  # size or proportions -> what came of it


@dataclass(frozen=True, kw_only=True)
class SizeAgreement(ProbeResult):
    """Mean over sizes; Wilson interval over images, as though an image's sizes all told the same, so rather wide."""

    agreements: dict[str, Proportion]  # size -> share of the images


def sizes(subject: Subject) -> list[ProbeResult]:
    """Try one image at all sizes and proportions, and a trained network with some images more."""
    network, image = subject.network, subject.images(1)
    exact = [attempt(network, image, scaled(subject.size, factor)) for factor in _FACTORS]
    near = [a if not a.refusal else attempt_near(network, image, a.size) for a in exact]
    aspects = {name: attempt_near(network, image, of_aspect(subject.size, ratio)) for name, ratio in ASPECTS.items()}
    return [
        _taken(SIZES, exact, {named(e.size): _outcome(e, n) for e, n in zip(exact, near, strict=True)}),
        _taken(ASPECT_RATIOS, list(aspects.values()), {name: _outcome(a, a) for name, a in aspects.items()}),
        _agreement(subject, {a.size for a in near if not a.refusal}, near),
    ]


def _taken(metric: Metric, attempts: Sequence[Attempt], outcomes: dict[str, str]) -> Taken:
    share = sum(not a.refusal for a in attempts) / len(attempts)
    return Taken(**vars(metric.found(share, n=len(attempts))), outcomes=outcomes)


def _outcome(wanted: Attempt, near: Attempt) -> str:
    if not wanted.refusal:
        return f"taken at {named(near.size)}"
    return wanted.refusal if near.refusal else f"{wanted.refusal}; {named(near.size)} is taken"


def _agreement(subject: Subject, taken: set[Size], near: Sequence[Attempt]) -> ProbeResult:
    if not subject.trained:
        return AGREEMENT.missing("the weights are random, and so are the answers")
    if not taken:
        return AGREEMENT.missing(f"no other size is taken: at {named(near[0].size)}, {near[0].refusal}")
    native = outputs_at(subject, subject.size, _IMAGES)
    if native is None or native.ndim != 2:
        return AGREEMENT.missing("the network does not answer with a row of logits for each image")
    same = {}
    for size in sorted(taken):
        answers = outputs_at(subject, size, _IMAGES)
        if answers is not None and answers.shape == native.shape:
            same[named(size)] = (answers.argmax(1) == native.argmax(1)).numpy()
    if not same:
        return AGREEMENT.missing("the number of logits follows the size")
    shares = {name: wilson(float(agrees.mean()), len(agrees)) for name, agrees in same.items()}
    whole = wilson(float(np.mean([share.value for share in shares.values()])), len(native))
    return SizeAgreement(
        **vars(AGREEMENT.found(whole.value, (whole.low, whole.high), n=whole.n, note="; ".join(shares))),
        agreements=shares,
    )


PROBE = Probe(
    number=2,
    name="sizes",
    question="Which sizes and proportions of images does it take, and does it answer the same there?",
    profile=Profile.FAST,
    metrics=(SIZES, ASPECT_RATIOS, AGREEMENT),
    measure=sizes,
)
