"""What is believed of all models of a race together: their curves, seen or unseen, and which is near the best.

Each model is first read alone; then again with what the others tell of the data set: how steeply its curves rise,
and at which level they end. So a model that was tried on little data, or on none, is judged with the steepness that
the others showed, and with what experience says of it.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from zlib import crc32

import numpy as np
from jaxtyping import Float

from anmok.selection.curves import NOTHING, RISE, CurvePoint, Hearsay, LearningCurve, Posterior, weigh

_SPREAD = 0.05  # standard deviation of the models' accuracies on one data set, where experience says nothing
_STRENGTH = 3.0  # models that it counts as, or experience's own
_ROUNDS = 5  # of the spread and the level, which need each other
# Calibrated on recorded curves: how far the mean rises of data sets lie apart, and those of the models of one
# data set; with few images all models are about equally bad, and what tells them apart is how much they gain.
_BETWEEN, _WITHIN, _FANNING = 0.3**2, 0.4**2, 0.7  # variance, variance, share of the difference in the end


class Belief:
    """The joint posterior of all models' accuracies, as draws."""

    def __init__(
        self,
        points: Mapping[str, Sequence[CurvePoint]],
        images: int,
        *,
        models: Sequence[str] = (),
        prior: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        """Read the points of each model; `models` may name further ones, without points.

        `prior` is what experience expects of a model: its accuracy at `images` minus the mean of the models, and the
        standard deviation of that, as shares.
        """
        self.images = images
        self.models = tuple(sorted({*points, *models}))
        alone = {m: weigh(tuple(points[m]), images, NOTHING) for m in self.models if points.get(m)}
        known = prior or {}
        offsets = {m: known.get(m, (0.0, _SPREAD)) for m in self.models}
        steps = {m: len({p.images for p in points[m]}) for m in alone}
        scale = _widening(alone, offsets)
        self.curves = {
            model: LearningCurve(
                points.get(model, ()),
                images,
                seed=crc32(model.encode()),  # the same curve, whoever else races
                before=_hearsay(model, alone, offsets, steps, scale),
            )
            for model in self.models
        }

    def draws(self, images: float | None = None) -> Float[np.ndarray, "models draws"]:
        """Possible accuracies of all models, in the order of `models`; by default at all images."""
        return np.stack([curve.draws(images or self.images) for curve in self.curves.values()])

    def chances(self, within: float, among: Sequence[str] | None = None) -> dict[str, float]:
        """For each model, the probability that at all images it comes within `within` of the best of all."""
        models = among or self.models
        possible = np.stack([self.curves[m].draws(self.images) for m in models])
        near = possible >= possible.max(0) - within
        return dict(zip(models, near.mean(1).tolist(), strict=True))


def _widening(alone: Mapping[str, Posterior], offsets: Mapping[str, tuple[float, float]]) -> float:
    """By how much the models lie further apart (in variance) than experience has it: that widens all its intervals."""
    gains = np.array([alone[m].accuracy - offsets[m][0] for m in alone])
    known, spread = np.array([(alone[m].variance, offsets[m][1] ** 2) for m in alone]).reshape(-1, 2).T
    scale = 1.0
    for _ in range(_ROUNDS if len(gains) else 0):
        variance = known + scale * spread
        level = np.average(gains, weights=1 / variance)
        surplus = float(((gains - level) ** 2 / variance).sum())
        scale = max(0.5, scale * (_STRENGTH + surplus) / (_STRENGTH + len(gains)))
    return scale


def _hearsay(
    model: str,
    alone: Mapping[str, Posterior],
    offsets: Mapping[str, tuple[float, float]],
    steps: Mapping[str, int],
    scale: float,
) -> Hearsay:
    """What the other models tell of one: how steep curves are from those with several points, the level from all."""
    others = [m for m in alone if m != model]
    mean, sd = offsets[model]
    if not others:  # before the first trial any level will do: only the differences count
        return NOTHING if alone else NOTHING._replace(mean=NOTHING.mean + mean, sd=sd)
    weights = np.array([1 / (alone[m].variance + scale * offsets[m][1] ** 2) for m in others])
    level = float(np.average([alone[m].accuracy - offsets[m][0] for m in others], weights=weights))
    rises = np.array([alone[m].rise for m in others if steps[m] > 1]).reshape(-1, 2)
    trust = np.array([1 / _BETWEEN, *(1 / (rises[:, 1] + _WITHIN))])
    return Hearsay(
        mean=level + mean,
        sd=sqrt(scale * sd**2 + 1 / weights.sum()),
        rise=float(np.average([RISE, *rises[:, 0]], weights=trust)),
        rise_sd=sqrt(_WITHIN + 1 / trust.sum()),
        level=level,
        fanning=_FANNING,
    )
