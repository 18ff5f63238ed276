"""Is a classifier right as often as it says?

Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599: expected calibration error (eq. 3),
negative log-likelihood (eq. 4), and the temperature that minimises it (sec. 4.2, eq. 9).
Departs from it below 1000 images: bins of equal width inflate the error, so bins hold equal numbers of images
(Nguyen & O'Connor 2015, arXiv:1508.05154), 20 at least. As some error is found even so, what a perfectly calibrated
classifier of the same confidences would show is told beside it (Bröcker & Smith 2007, consistency resampling).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from anmok.capture import as_tensor, untouched
from anmok.errors import RequestError
from anmok.evaluation.metrics import calibration_error
from anmok.probes.answers import cannot_answer
from anmok.probes.intervals import bootstrap
from anmok.probes.probe import Probe, Profile
from anmok.probes.result import Metric, ProbeResult
from anmok.probes.subject import Subject
from anmok.probes.temperature import best_temperature, temperature_interval
from anmok.shapes import Labels, Logits

_IMAGES = 1000
_BINS = 15
_PER_BIN = 20  # images, at least
_DRAWS = 500

ERROR = Metric(
    "calibration error",
    f"expected calibration error, {_BINS} bins of equal width from {_IMAGES} images on, else at most {_BINS} of equal "
    f"counts of {_PER_BIN} or more, version 1",
    "share",
)
LIKELIHOOD = Metric("negative log-likelihood", "mean of -ln of the true class's probability, version 1", "nats")
TEMPERATURE = Metric("temperature", "divisor of the logits with the least negative log-likelihood, version 1", "x")
METRICS = (ERROR, LIKELIHOOD, TEMPERATURE)


class Bin(NamedTuple):
    """A point of the reliability diagram."""

    confidence: float  # mean
    accuracy: float
    images: int


@dataclass(frozen=True, kw_only=True)
class Calibration(ProbeResult):
    """The error in [0, 1]; its interval begins at 0 where perfect calibration would show as much by chance."""

    bins: tuple[Bin, ...]  # those that hold images
    if_calibrated: float  # what perfect calibration would show on the mean


def calibration(logits: Logits, labels: Labels) -> tuple[ProbeResult, ProbeResult, ProbeResult]:
    """Error, likelihood and temperature of a classifier's answers; rows of probabilities are taken as such."""
    if not len(labels) or not 0 <= int(labels.min()) <= int(labels.max()) < logits.shape[1]:
        raise RequestError(
            f"Calibration needs images, and a logit for each class: got {len(labels)} images and {logits.shape[1]} "
            "logits, which is too few for their labels. Give labels from 0 on."
        )
    z, y = _logarithms(logits.cpu().double()), labels.cpu()
    chances = z.log_softmax(1)
    confidence, named = (found.numpy() for found in chances.exp().max(1))
    losses = -chances[torch.arange(len(y)), y].numpy()
    error = _error(confidence, named == y.numpy())
    return error, LIKELIHOOD.found(losses.mean(), bootstrap(losses), n=len(y)), _temperature(z, y)


def expected_error(confidence: Float[np.ndarray, " n"], right: Bool[np.ndarray, " n"]) -> float:
    """How far confidence and accuracy lie apart, mean over images, by the bins for as many images."""
    if len(right) >= _IMAGES:
        return calibration_error(confidence, right, bins=_BINS)
    gaps = np.bincount(_bins(confidence), weights=right - confidence)
    return float(np.abs(gaps).sum() / len(right))


def _bins(confidence: Float[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Which bin each image is in; equal confidences share one."""
    n = len(confidence)
    if n >= _IMAGES:
        return np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    bins = max(1, min(_BINS, n // _PER_BIN))
    edges = np.sort(confidence)[n * np.arange(1, bins) // bins]
    return np.searchsorted(edges, confidence, side="right")


def _error(confidence: Float[np.ndarray, " n"], right: Bool[np.ndarray, " n"]) -> Calibration:
    value = expected_error(confidence, right)
    draws = np.random.default_rng(0).random((_DRAWS, len(right)))
    calibrated = np.array([expected_error(confidence, draw < confidence) for draw in draws])
    rows = np.stack((confidence, right), axis=1)
    _, high = bootstrap(rows, lambda drawn: expected_error(drawn[:, 0], drawn[:, 1] > 0.5))
    low = None
    if high is not None:  # resampling inflates the error again, so that only the upper end is taken as it is
        by_chance = value <= np.quantile(calibrated, 0.975)
        low, high = 0.0 if by_chance else max(0.0, 2 * value - high), max(value, high)
    if_calibrated = float(calibrated.mean())
    note = f"perfect calibration would show {if_calibrated:.3f} with as many images"
    found = ERROR.found(value, (low, high), n=len(right), note=note)
    return Calibration(**vars(found), bins=_diagram(confidence, right), if_calibrated=if_calibrated)


def _diagram(confidence: Float[np.ndarray, " n"], right: Bool[np.ndarray, " n"]) -> tuple[Bin, ...]:
    place = _bins(confidence)
    members = [place == bin for bin in np.unique(place)]
    return tuple(Bin(float(confidence[m].mean()), float(right[m].mean()), int(m.sum())) for m in members)


def _temperature(logits: Logits, labels: Labels) -> ProbeResult:
    best = best_temperature(logits, labels)
    if best is None:
        right = float((logits.argmax(1) == labels).double().mean())
        return TEMPERATURE.missing(
            f"no temperature from 0.001 to 1000 is best: {100 * right:.1f} % of the images are answered right, and "
            "sharper or flatter answers would always do better"
        )
    return TEMPERATURE.found(best, temperature_interval(logits, labels, best), n=len(labels))


def _logarithms(answers: Logits) -> Logits:
    """Logits, also of a network that ends in a softmax."""
    shares = bool((answers >= 0).all()) and bool((answers.sum(1) - 1).abs().max() < 1e-3)
    return answers.clamp(min=torch.finfo(torch.float32).tiny).log() if shares else answers


def measure(subject: Subject) -> tuple[ProbeResult, ProbeResult, ProbeResult]:
    """The same of a subject's first images."""
    with untouched(subject.network), torch.no_grad():
        objection = cannot_answer(subject)
        if objection or subject.labels is None:
            return _missing(objection)
        answers = [as_tensor(subject.network(images)) for images in subject.chunks(_IMAGES)]
    logits = torch.cat([rows.cpu().double() for rows in answers if rows is not None])
    if not logits.isfinite().all():
        return _missing("some logits are not finite")
    return calibration(logits, subject.labels[: len(logits)].cpu())


def _missing(note: str) -> tuple[ProbeResult, ProbeResult, ProbeResult]:
    return ERROR.missing(note), LIKELIHOOD.missing(note), TEMPERATURE.missing(note)


PROBE = Probe(
    number=14,
    name="calibration",
    question="Is it right as often as it says?",
    profile=Profile.STANDARD,
    metrics=METRICS,
    measure=measure,
)
