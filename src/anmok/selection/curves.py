"""Learning curves: what accuracy will a model reach with more images than it has seen?

The posterior over the laws of `families` (Bayesian model averaging: every law counts by how well it explains the
points) is computed on their grid; the error at the reference number of images is linear given the law and integrated
out. With one point seen, the prior speaks; with four, the points do. A curve that no law explains, a falling one
for instance, is taken to be so much noisier that the best law does, which widens its interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import sqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from anmok.selection.families import SHAPES, START, ratios_at

DRAWS = 2000


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """Accuracy after one training on `images` images, with the number of images it was measured on."""

    images: int
    accuracy: float  # in [0, 1]; or another objective
    measured_on: int
    dispersion: float = 1.0  # variance of the objective over that of an accuracy, see `objective.dispersion`


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """Expected accuracy at some number of images, in [0, 1]; the interval covers 80 %."""

    images: int
    mean: float
    low: float
    high: float


class Noise(NamedTuple):
    """How far a measured accuracy lies from the one that is meant; standard deviations where p = 1/2.

    Estimated from recorded trainings (by benchmarks/oracle/noise.py, but `law` and `common`); all shrink with
    sqrt(4 p (1 - p)) as the accuracy p nears 0 or 1.
    """

    order: float = 0.005  # of one training among others on the same images: of its start and the images' order
    sampling: float = 0.095  # likewise on as many other images; times (1 / n - 1 / N)^(1/4) for n images of N
    law: float = 0.015  # of a curve from the best law, for each doubling of the images beyond those seen
    lasting: float = 0.69  # share of the binomial variance of the judging images that another seed does not change
    alike: float = 0.58  # share of that which is common to all models: they err on the same images
    flattery: float = 0.5  # standard errors by which the best of several looks at the judging images is too high
    common: float = 0.35  # share of what else is unknown at full data that is common to all models of one data set

    def seed(self, images: float, of: int) -> float:
        """Variance from one seed to another, where p = 1/2: seeds share their images only where all are used."""
        return self.order**2 + self.sampling**2 * sqrt(max(1 / images - 1 / of, 0.0))


NOISE = Noise()
RISE, RISE_SD = 1.2, 0.5  # of logit(accuracy) over four doublings of the images, over data sets and models


class Hearsay(NamedTuple):
    """What is believed of a curve before its own points are read, from other models and other data sets."""

    mean: float = 0.5  # accuracy at the reference number of images
    sd: float = 0.5
    rise: float = RISE  # of logit(accuracy) over the four doublings up to there, of a model at the level
    rise_sd: float = RISE_SD
    level: float = 0.5  # mean accuracy of the models, at the reference
    fanning: float = 0.0  # by how much more a model rises for each unit of logit that it lies above the level


NOTHING = Hearsay()
_DOUBTS = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])  # growth of a variance, for each doubling
_NEAREST = 0.25  # doublings that lie at least between a point and the reference


@dataclass(frozen=True)
class Posterior:
    """How likely each law of the grid is, and the error at the reference number of images under each."""

    weights: Float[np.ndarray, " cells"]  # sum to 1
    middle: Float[np.ndarray, " cells"]
    spread: Float[np.ndarray, " cells"]
    rises: Float[np.ndarray, " cells"]  # of logit(accuracy) over the four doublings up to there

    @cached_property
    def rise(self) -> tuple[float, float]:
        """Mean and variance."""
        mean = float(self.weights @ self.rises)
        return mean, float(self.weights @ (self.rises - mean) ** 2)

    @cached_property
    def accuracy(self) -> float:
        """Mean at the reference number of images."""
        return 1 - float(self.weights @ self.middle)

    @cached_property
    def variance(self) -> float:
        """Of that accuracy."""
        return float(self.weights @ (self.spread**2 + (1 - self.middle - self.accuracy) ** 2))


@lru_cache(maxsize=1024)  # a race reads the curves again after each training, which adds a point to one of them
def weigh(points: tuple[CurvePoint, ...], images: int, before: Hearsay) -> Posterior:
    """Weigh all laws by the points; `images` is the reference.

    A law counts by the misfit of the points, by how far the error and the rise that it implies lie from what was
    believed before (the rise by Student's t with 4 degrees of freedom: a few curves are like no other), and by how
    narrowly it determines the error. Where even the best law misfits, variances grow until it does not, those of points
    far from the reference the most: what happens there tells the least about it.
    """
    ratios = np.array([ratios_at(p.images / images) for p in points]).reshape(-1, len(START)).T
    error = np.array([1 - p.accuracy for p in points])
    variance = np.array([training_variance(p, images) for p in points])
    weight = 1 / (variance * _doubt(ratios, error, variance, np.log2([images / p.images for p in points])))
    information = (ratios**2 * weight).sum(1) + before.sd**-2
    middle = ((ratios * error * weight).sum(1) + (1 - before.mean) / before.sd**2) / information
    misfit = ((error - ratios * middle[:, None]) ** 2 * weight).sum(1)
    unbelieved = ((1 - before.mean - middle) / before.sd) ** 2
    rise = _rise(middle)
    usual = before.rise + before.fanning * (_logit(1 - middle) - _logit(np.array([before.level])))
    strange = 5 * np.log1p(((rise - usual) / before.rise_sd) ** 2 / 4)
    score = np.log(SHAPES.prior) - 0.5 * (misfit + unbelieved + strange + np.log(information))
    weights = np.exp(score - score.max())
    return Posterior(weights / weights.sum(), middle, information**-0.5, rise)


def _doubt(
    ratios: Float[np.ndarray, "cells n"], error: np.ndarray, variance: np.ndarray, doublings: np.ndarray
) -> Float[np.ndarray, " n"]:
    """By how much the variance of each point grows until the best law explains them all, the less the nearer it is."""
    freedom = len(error) - 1
    if freedom < 1:
        return np.ones(len(error))
    growth = 1 + _DOUBTS[:, None] * np.maximum(doublings, _NEAREST)
    weight = 1 / (variance * growth[:, None])
    middle = (ratios * error * weight).sum(2) / (ratios**2 * weight).sum(2)
    misfit = ((error - ratios * middle[..., None]) ** 2 * weight).sum(2).min(1)
    enough = misfit <= freedom
    return np.asarray(growth[enough.argmax() if enough.any() else -1])


def _rise(error: Float[np.ndarray, " cells"]) -> Float[np.ndarray, " cells"]:
    return _logit(1 - error) - _logit(1 - error * START)


def _logit(share: np.ndarray) -> np.ndarray:
    inside = np.clip(share, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(inside / (1 - inside)))


class LearningCurve:
    """The posterior of one model's curve, as draws; the same points and seed give the same draws.

    Curves of one data set share part of their luck, because a data set makes all curves steep or flat, and
    its judging images are easy or hard for all models alike; the rest is their own, by their seeds.
    """

    def __init__(self, points: Sequence[CurvePoint], images: int, *, seed: int, before: Hearsay = NOTHING) -> None:
        self.posterior = weigh(tuple(points), images, before)
        self._images = images
        self._furthest = max((p.images for p in points), default=0)
        judged = max((p.measured_on for p in points), default=0)
        self._flattery = NOISE.flattery / np.sqrt(judged) / 2 if judged else 0.0
        self._lasting = np.sqrt(NOISE.lasting / judged) / 2 if judged else 0.0
        self._width = 2 * np.sqrt(max((p.dispersion for p in points), default=1.0))  # of noise, over sqrt(p (1 - p))
        evenly, level, self._beyond, self._judging, self._training = _deviates(seed)
        self._laws = np.searchsorted(np.cumsum(self.posterior.weights)[:-1], evenly)  # of each draw
        middle, spread = self.posterior.middle[self._laws], self.posterior.spread[self._laws]
        self._error = np.clip(middle + spread * level, 1e-4, 1.0)

    def draws(self, images: float) -> Float[np.ndarray, " draws"]:
        """Possible accuracies at a number of images, mean over seeds, in [0, 1]."""
        error = np.minimum(self._error * ratios_at(images / self._images)[self._laws], 1.0)
        doublings = max(np.log2(images / self._furthest), 0.0) if self._furthest else 0.0
        deviation = NOISE.law * doublings * self._beyond + self._lasting * self._judging - self._flattery
        return np.clip(1 - error + self._width * np.sqrt(error * (1 - error)) * deviation, 0.0, 1.0)

    def expect(self, images: int) -> Expectation:
        """Mean and 80 % interval of the accuracy after one training on a number of images."""
        possible = self.draws(images)
        luck = (
            self._width * sqrt(NOISE.seed(images, self._images)) * np.sqrt(possible * (1 - possible)) * self._training
        )
        possible = np.clip(possible + luck, 0.0, 1.0)
        low, high = np.quantile(possible, [0.1, 0.9])
        return Expectation(images=images, mean=float(possible.mean()), low=float(low), high=float(high))

    @property
    def exponent(self) -> float:
        """Posterior mean of -d log(error) / d log(n) at the reference: the larger, the more data-efficient."""
        ratios = SHAPES.ratios(np.array([0.9, 1.1]))
        return float(self.posterior.weights @ np.log(ratios[:, 0] / ratios[:, 1]) / np.log(1.1 / 0.9))


def training_variance(point: CurvePoint, of: int) -> float:
    """Variance of a measured accuracy from one training to the next, of `of` images, on the same judging images."""
    p = (point.accuracy * point.measured_on + 0.5) / (point.measured_on + 1)
    return point.dispersion * p * (1 - p) * (4 * NOISE.seed(point.images, of) + (1 - NOISE.lasting) / point.measured_on)


@lru_cache(maxsize=256)
def _deviates(seed: int) -> Float[np.ndarray, "5 draws"]:
    """Of the law, ranks between 0 and 1, evenly: no share of luck is missed.

    Standard normal deviates of the error at the reference, extrapolation, judging images, and of one training.
    """
    own = np.random.default_rng([1, seed]).standard_normal((5, DRAWS))
    shared = np.random.default_rng(0).standard_normal((5, DRAWS))
    share = np.array([NOISE.common, 0.0, NOISE.common, NOISE.alike, 0.0])[:, None]
    drawn = np.sqrt(share) * shared + np.sqrt(1 - share) * own
    drawn[0] = (np.argsort(np.argsort(drawn[0])) + 0.5) / DRAWS
    return np.asarray(drawn)
