"""At which test size and in which proportions does a classifier recognise most?

Touvron et al. 2019 (FixRes, arXiv:1906.06423, sec. 3): objects look larger in training crops than in test images, so
that the best test size lies above the training size. Dehghani et al. 2023 (NaViT, arXiv:2307.06304): proportions.
Departs from FixRes, which decodes each size from the file: the images are resized from the native size, so that
larger ones hold no new detail, and the gain is that of the apparent size alone. Proportions (width : height) change
the content's shape and keep the number of pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from jaxtyping import Bool, Float

from anmok.evaluation.metrics import Proportion, accuracy
from anmok.probes.answers import cannot_answer, right_answers
from anmok.probes.informative import uninformative
from anmok.probes.intervals import bootstrap
from anmok.probes.probe import Probe, Profile
from anmok.probes.resizing import ASPECTS, Size, attempt_near, named, of_aspect, resized, scaled
from anmok.probes.result import Metric, ProbeResult
from anmok.probes.subject import Subject

_FACTORS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)  # of the side
_IMAGES = 256

BEST = Metric(
    "best test size", f"side of the highest accuracy, 6 sizes of 0.5 to 2 x, {_IMAGES} images, version 1", "x native"
)
NATIVE = Metric("accuracy at the native size", f"accuracy of {_IMAGES} images as they are, version 1", "share")
LOSS = Metric(
    "aspect loss", f"accuracy, native less mean of 2:1 and 1:2 at as many pixels, {_IMAGES} images, version 1", "points"
)

Right = Bool[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True)
class ResolutionCurve(ProbeResult):
    """Bootstrap interval over images; of equal accuracies the one nearest to the native size is meant."""

    accuracies: dict[float, Proportion]  # side over the native side -> accuracy


@dataclass(frozen=True, kw_only=True)
class AspectCurve(ProbeResult):
    """Bootstrap interval over images, each compared with itself."""

    accuracies: dict[str, Proportion]  # width : height -> accuracy


def resolution(subject: Subject) -> list[ProbeResult]:
    """Answer the same images at several sizes and in several proportions, as far as they are taken."""
    why = cannot_answer(subject)
    if why or subject.labels is None:
        return [metric.missing(why) for metric in PROBE.metrics]
    native = _right(subject, subject.size)
    whole = accuracy(native)
    found = NATIVE.found(whole.value, (whole.low, whole.high), n=whole.n)
    why = uninformative(native, subject.labels[:_IMAGES].cpu())
    if why:
        return [BEST.missing(why), found, LOSS.missing(why)]
    return [_best(subject, native), found, _loss(subject, native)]


def _best(subject: Subject, native: Right) -> ProbeResult:
    image = subject.images(1)
    wanted = [scaled(subject.size, factor) for factor in _FACTORS]
    attempts = [attempt_near(subject.network, image, size) for size in wanted if size != subject.size]
    taken = {a.size for a in attempts if not a.refusal}
    if not taken:
        return BEST.missing(f"no other size is taken: at {named(attempts[0].size)}, {attempts[0].refusal}")
    right = {1.0: native} | {_ratio(size, subject.size): _right(subject, size) for size in taken}
    nearest_first = sorted(right, key=lambda ratio: abs(np.log(ratio)))
    answers = np.stack([right[ratio] for ratio in nearest_first], axis=1).astype(np.float64)

    def best(rows: Float[np.ndarray, "n sizes"]) -> float:
        return nearest_first[int(rows.mean(0).argmax())]

    found = BEST.found(best(answers), bootstrap(answers, best), n=len(answers))
    return ResolutionCurve(**vars(found), accuracies={ratio: accuracy(right[ratio]) for ratio in sorted(right)})


def _loss(subject: Subject, native: Right) -> ProbeResult:
    image = subject.images(1)
    attempts = {
        name: attempt_near(subject.network, image, of_aspect(subject.size, ratio)) for name, ratio in ASPECTS.items()
    }
    right = {name: _right(subject, a.size) for name, a in attempts.items() if not a.refusal}
    outer = ("1:2", "2:1")
    if not right.keys() >= set(outer):
        refused = next(name for name in outer if name not in right)
        return LOSS.missing(f"{refused} is not taken: {attempts[refused].refusal}")
    lost = native - np.mean([right[name] for name in outer], axis=0)
    found = LOSS.found(100 * lost.mean(), _points(bootstrap(lost)), n=len(lost))
    return AspectCurve(**vars(found), accuracies=_accuracies(native, right))


def _accuracies(native: Right, right: Mapping[str, Right]) -> dict[str, Proportion]:
    return {"native": accuracy(native)} | {name: accuracy(answers) for name, answers in right.items()}


def _points(interval: Sequence[float | None]) -> tuple[float | None, float | None]:
    low, high = (None if end is None else 100 * end for end in interval)
    return low, high


def _right(subject: Subject, size: Size) -> Right:
    return right_answers(subject, _IMAGES, lambda images, _: resized(images, size))


def _ratio(size: Size, native: Size) -> float:
    return round(sqrt(size[0] * size[1] / (native[0] * native[1])), 3)


PROBE = Probe(
    number=12,
    name="resolution",
    question="At which test size and in which proportions does it recognise most?",
    profile=Profile.FULL,
    metrics=(BEST, NATIVE, LOSS),
    measure=resolution,
)
