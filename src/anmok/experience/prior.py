"""What the past expects of each model on new data, before anything is trained.

Each lesson's accuracies are centred and scaled to z = (accuracy - level) / spread, so that an easy data set counts as
much as a hard one. On new data, z of a model is predicted by the best linear combination of its z so far (kriging,
Krige 1951; equal to the mean of a Gaussian process, Rasmussen and Williams 2006, eq. 2.25) with the covariance

    cov(z, z') = general * k^(1/9) + specific * k,   k = similarity of the two data sets,

a weighted mean, shrunken towards 0, that counts two runs on the same images about once. `general` is what a model is
worth nearly everywhere (the kernel at three times the reach); `specific` what only alike data sets share; the rest of
the variance, 1 - general - specific, carries over to no other data set.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from jaxtyping import Float, Int

from anmok.experience.fingerprint import Fingerprint
from anmok.experience.memory import Lesson, Memory
from anmok.experience.similarity import similarities

_REACH = 1 / 9  # exponent of the similarity: three times the distance
_SPREAD = 0.05  # standard deviation of the models' accuracies where nothing is known
_SPREAD_ROWS = 2  # a lesson's own spread is mixed with that of a usual lesson, which counts as so many models
_SEED_NOISE = 0.01  # standard deviation of an accuracy from one seed to another
_GUESS = (0.4, 0.3)  # general and specific before any two lessons were compared
_GUESS_PAIRS = 5  # lesson pairs that the guess counts as
_ROUNDS = 20  # of levels and model means, which need each other where lessons lack models


@dataclass(frozen=True, kw_only=True)
class Prior:
    """A normal distribution of a model's accuracy minus the mean of all models, on all of the data; shares."""

    mean: float
    sd: float
    weight: float  # share of the variance that the past takes away, in [0, 1)
    data_sets: int  # that the model was trained on


def prior(memory: Memory, fingerprint: Fingerprint, models: Iterable[str]) -> dict[str, Prior]:
    """Expect of each model what it showed on similar data; 0 with a wide interval where there is nothing to go by."""
    lessons = [lesson for lesson in memory.lessons if len(lesson.accuracies) > 1]
    known = sorted({model for lesson in lessons for model in lesson.accuracies})
    z, spreads = standardise(lessons, known)
    prints = [lesson.fingerprint for lesson in lessons]
    alike, here = similarities(prints, prints), similarities(prints, [fingerprint])[:, 0]
    general, specific = _shares(z, alike)
    between = general * alike**_REACH + specific * alike
    towards = general * here**_REACH + specific * here
    np.fill_diagonal(between, 1.0)
    spread = float(np.exp(np.average(np.log(spreads), weights=here**_REACH))) if lessons else _SPREAD
    weights: dict[tuple[int, ...], Float[np.ndarray, " lessons"]] = {}  # the same for models with the same seeds
    result = {}
    for model in models:
        seeds = tuple(len(lesson.accuracies.get(model, ())) for lesson in lessons)
        if seeds not in weights:
            weights[seeds] = _weigh(between, towards, np.array(seeds, int), spreads)
        used = weights[seeds]
        explained = float(used @ towards)
        result[model] = Prior(
            mean=spread * float(np.nansum(used * z[:, known.index(model)])) if any(seeds) else 0.0,
            sd=spread * sqrt(1 - explained),
            weight=explained,
            data_sets=len({lesson.data for lesson, count in zip(lessons, seeds, strict=True) if count}),
        )
    return result


def _weigh(
    between: Float[np.ndarray, "lessons lessons"],
    towards: Float[np.ndarray, " lessons"],
    seeds: Int[np.ndarray, " lessons"],
    spreads: Float[np.ndarray, " lessons"],
) -> Float[np.ndarray, " lessons"]:
    """The weight of each lesson's z in the best linear prediction; 0 where a model has no seed."""
    has = np.flatnonzero(seeds)
    noise = np.diag((_SEED_NOISE / spreads[has]) ** 2 / seeds[has])
    weights = np.zeros(len(seeds))
    weights[has] = np.linalg.solve(between[np.ix_(has, has)] + noise, towards[has])
    return weights


def standardise(
    lessons: list[Lesson], models: list[str]
) -> tuple[Float[np.ndarray, "lessons models"], Float[np.ndarray, " lessons"]]:
    """Levels out what data sets differ in: z of each model in each lesson (nan: not trained), and the spreads.

    A lesson's level is the mean over its models of accuracy minus what these models gain elsewhere, so that a race
    among good models only does not make them look average; without missing models it is the mean accuracy.
    """
    empty = float("nan")
    found = np.array([[lesson.mean(m) if m in lesson.accuracies else empty for m in models] for lesson in lessons])
    found = found.reshape(len(lessons), len(models))
    if not lessons:
        return found, np.zeros(0)
    there = ~np.isnan(found)
    squares = np.nansum((found - np.nanmean(found, 1, keepdims=True)) ** 2, 1)
    degrees = there.sum(1) - 1
    usual = max(float(np.median(squares / degrees)), _SEED_NOISE**2)
    spreads = np.sqrt((squares + _SPREAD_ROWS * usual) / (degrees + _SPREAD_ROWS))
    worth = np.zeros(len(models))
    z = found
    for _ in range(_ROUNDS):
        level = np.nanmean(found - spreads[:, None] * worth, 1, keepdims=True)
        z = (found - level) / spreads[:, None]
        worth = np.nansum(z, 0) / (there.sum(0) + 1)
        worth -= worth.mean()
    return z, spreads


def _shares(z: Float[np.ndarray, "lessons models"], alike: Float[np.ndarray, "lessons lessons"]) -> tuple[float, float]:
    """General and specific share, by least squares of z z' over lesson pairs on the two kernels, and a guess."""
    there = ~np.isnan(z)
    both = there.astype(float) @ there.T
    pairs = np.triu(both > 1, k=1)
    products = (np.nan_to_num(z) @ np.nan_to_num(z).T)[pairs] / both[pairs]
    kernels = np.stack([alike[pairs] ** _REACH, alike[pairs]])
    normal = _GUESS_PAIRS * np.eye(2) + kernels @ kernels.T
    right = _GUESS_PAIRS * np.array(_GUESS) + kernels @ products
    general, specific = np.clip(np.linalg.solve(normal, right), 0.02, None)
    scale = min(1.0, 0.95 / (general + specific))
    return float(general * scale), float(specific * scale)
