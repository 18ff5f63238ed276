"""Does a classifier recognise the user's images by their shape or by their texture?

After Geirhos et al. 2019, arXiv:1811.12231: they tell the cues apart by images that show two classes, which needs
ImageNet's classes (`cue_conflict`). Here one cue is taken away and it is counted which right answers stay right, for
any classes: tiles in another order keep texture (Naseer et al. 2021, arXiv:2105.10497, sec. 3.2), a low-pass filter
keeps shape. Both keep colour; grey images tell how much is due to it, and edge maps what lines alone are good for.
Departs from both papers in that what guessing keeps is taken off before the cues are compared.
"""

from dataclasses import dataclass
from math import nan

import numpy as np
from jaxtyping import Bool, Float

from anmok.capture import untouched
from anmok.evaluation.metrics import Proportion, accuracy
from anmok.probes.answers import judged, right_answers
from anmok.probes.filters import blurred, edges, grey
from anmok.probes.intervals import bootstrap
from anmok.probes.patch_shuffle import shuffle_tiles
from anmok.probes.probe import Probe, Profile
from anmok.probes.result import Metric, ProbeResult
from anmok.probes.subject import Subject

_IMAGES = 256
_GRID = 4
_BLUR = 32  # the shorter side over the standard deviation of the low-pass filter

SHAPE_SHARE = Metric(
    "shape share",
    f"s / (s + t) of shape and texture reliance above what naming one class keeps, {_IMAGES} images at most, version 1",
    "share",
)
SHAPE = Metric(
    "shape reliance",
    f"share of right answers kept, Gaussian low-pass of 1/{_BLUR} of the shorter side, {_IMAGES} images at most, "
    "version 1",
    "share",
)
TEXTURE = Metric(
    "texture reliance",
    f"share of right answers kept, {_GRID} x {_GRID} tiles shuffled, {_IMAGES} images at most, version 1",
    "share",
)
GREY = Metric("kept in grey", f"share of right answers kept, in grey, {_IMAGES} images at most, version 1", "share")
METRICS = (SHAPE_SHARE, SHAPE, TEXTURE, GREY)


@dataclass(frozen=True, kw_only=True)
class Cues(ProbeResult):
    """From 0, all texture, to 1, all shape; bootstrap over the right answers, which `n` counts."""

    kept: dict[str, Proportion]  # share of right answers, Wilson: "shuffled", "blurred", "grey" and "edges"
    chance: float  # share kept by naming for all images the class that most of them are of
    intact: Proportion  # accuracy


def shape_texture(subject: Subject) -> tuple[ProbeResult, ...]:
    """Answer the same images without one cue each."""
    height, width = subject.size
    if height % _GRID or width % _GRID:
        return _missing(
            f"tiles of equal size need sides that are multiples of {_GRID}, and the images have {height} x {width}"
        )
    with untouched(subject.network):
        intact = judged(subject, _IMAGES)
        if isinstance(intact, str):
            return _missing(intact)
        answers = {name: right[intact] for name, right in _without_cues(subject).items()}
    return _results(answers, intact, chance=_most_frequent(subject, intact))


def shape_share(shape: float, texture: float, chance: float) -> float:
    """Shape over shape and texture, of what is kept above chance, as a share of what could be; nan where nothing is."""
    above = [max(0.0, kept - chance) for kept in (shape, texture)]
    return above[0] / sum(above) if sum(above) > 0 else nan


def _without_cues(subject: Subject) -> dict[str, Bool[np.ndarray, " n"]]:
    sigma = min(subject.size) / _BLUR
    shuffled = subject.with_pixels(shuffle_tiles(subject.pixels[:_IMAGES].cpu(), _GRID, subject.seed))
    return {
        "shuffled": right_answers(shuffled, _IMAGES),
        "blurred": right_answers(subject, _IMAGES, lambda images, start: blurred(images, sigma)),
        "grey": right_answers(subject, _IMAGES, lambda images, start: grey(images)),
        "edges": right_answers(subject, _IMAGES, lambda images, start: edges(images)),
    }


def _most_frequent(subject: Subject, intact: Bool[np.ndarray, " n"]) -> float:
    """Share of the largest class among the right answers."""
    labels = np.zeros(0, int) if subject.labels is None else subject.labels[:_IMAGES].cpu().numpy()
    return float(np.bincount(labels[intact]).max() / intact.sum())


def _results(
    answers: dict[str, Bool[np.ndarray, " m"]], intact: Bool[np.ndarray, " n"], *, chance: float
) -> tuple[ProbeResult, ...]:
    kept = {name: accuracy(right) for name, right in answers.items()}
    note = f"naming one class keeps {100 * chance:.0f} %"
    others = tuple(
        metric.found(share.value, (share.low, share.high), n=share.n, note=note)
        for metric, share in ((SHAPE, kept["blurred"]), (TEXTURE, kept["shuffled"]), (GREY, kept["grey"]))
    )
    if max(kept["blurred"].low, kept["shuffled"].low) <= chance:
        share = SHAPE_SHARE.missing(
            f"neither cue alone keeps more right answers than naming one class, {100 * chance:.0f} %"
        )
        return share, *others
    both = np.stack((answers["blurred"], answers["shuffled"]), axis=1).astype(float)

    def of(rows: Float[np.ndarray, "m 2"]) -> float:
        return shape_share(float(rows[:, 0].mean()), float(rows[:, 1].mean()), chance)

    found = SHAPE_SHARE.found(of(both), bootstrap(both, of), n=len(both), note=note)
    return Cues(**vars(found), kept=kept, chance=chance, intact=accuracy(intact)), *others


def _missing(note: str) -> tuple[ProbeResult, ...]:
    return tuple(metric.missing(note) for metric in METRICS)


PROBE = Probe(
    number=11,
    name="shape and texture",
    question="Does it recognise images by their shape or by their texture?",
    profile=Profile.FULL,
    metrics=METRICS,
    measure=shape_texture,
)
