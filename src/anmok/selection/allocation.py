"""Which training next? The one that is expected to improve the choice most per second.

The knowledge-gradient rule with correlated beliefs (Frazier, Powell and Dayanik 2009, doi:10.1287/ijoc.1080.0314):
a training's result moves the expected accuracies at all images by a random amount, whose spread follows from the
covariance of the result with them; its worth is the expected rise of the highest of them. The cheapest way to learn
is thus found by itself: small parts of the data for all first, a jump where it pays, more seeds for contenders only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from anmok.selection.belief import Belief
from anmok.selection.curves import NOISE
from anmok.selection.evidence import Evidence

NEAR = 0.005  # "near the best": within half a point of accuracy, or of another objective, at the full train split
SURE = 0.9  # chance of being near the best at which the race ends
NEGLIGIBLE = 1e-4  # rise of it below which a training is not worth its time, as a share
_REPETITIONS = (1, 2, 4)  # a training may be worth its time only if repeated (KG(*), Frazier and Powell 2010)
_STEPS = np.array([NormalDist().inv_cdf((i + 0.5) / 64) for i in range(64)])  # equally likely values of a deviate


class Task(NamedTuple):
    """One training to do."""

    model: str
    fraction: float  # of the train split
    seed: int


class Stop(NamedTuple):
    """No training is worth doing any more, or none fits."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the race may do and what it costs."""

    budget: float  # seconds of training of the whole race, summed over workers
    seconds: Mapping[tuple[str, float], float]  # forecast for each (model, fraction) that may be trained
    seeds: tuple[int, ...] = (0, 1, 2)  # to use in this order, where a training is worth repeating

    @property
    def models(self) -> tuple[str, ...]:
        """All that may be trained."""
        return tuple(sorted({model for model, _ in self.seconds}))


def next_task(evidence: Evidence, terms: Terms, running: Sequence[Task] = ()) -> Task | Stop:
    """The next training for a free worker: a pure function of what is finished and what is running.

    Stops when the leader's chance to be within half a point of the best reaches 90 %, when nothing fits into the
    budget any more, or when no affordable training is expected to improve the choice.
    """
    standing = [m for m in terms.models if m not in evidence.failures]
    if not standing:
        return Stop("every model failed to train")
    belief = evidence.belief(tuple(standing))
    final = belief.draws()[[belief.models.index(m) for m in standing]]
    leader = int(final.mean(1).argmax())
    sure = float((final[leader] >= final.max(0) - NEAR).mean())
    if sure >= SURE and standing[leader] in evidence.models:
        return Stop(f"{standing[leader]} comes within half a point of the best with a chance of {sure:.0%}")
    left = terms.budget - evidence.spent - sum(terms.seconds[t.model, t.fraction] for t in running)
    tasks = [t for t in _open(evidence, terms, standing, running) if terms.seconds[t.model, t.fraction] <= left]
    if not tasks:
        return Stop("the time for the race is spent")
    seconds = np.array([terms.seconds[t.model, t.fraction] for t in tasks])
    worth = _worth(belief, evidence, final, tasks, running)  # (repetitions, tasks)
    times = np.array(_REPETITIONS)[:, None]
    worth[times * seconds > max(left, seconds.max())] = 0.0
    if sure >= SURE or worth.max() < NEGLIGIBLE:
        untried = [t for t in tasks if t.model == standing[leader] and t.model not in evidence.models]
        unless = Stop(f"no training that fits is expected to improve the choice by {100 * NEGLIGIBLE:g} points")
        return untried[0] if untried else unless  # experience alone never decides
    return tasks[int((worth / (times * seconds)).max(0).argmax())]


def _open(evidence: Evidence, terms: Terms, standing: Sequence[str], running: Sequence[Task]) -> Iterator[Task]:
    """Every training that may be done: the next seed of every model on every part of the data."""
    begun = {*running, *(Task(f.model, f.fraction, f.seed) for f in evidence.finished)}
    for model, fraction in sorted(terms.seconds):
        seeds = (s for s in terms.seeds if Task(model, fraction, s) not in begun)
        seed = next(seeds, None) if model in standing else None
        if seed is not None:
            yield Task(model, fraction, seed)


def _worth(
    belief: Belief,
    evidence: Evidence,
    final: Float[np.ndarray, "standing draws"],
    tasks: Sequence[Task],
    running: Sequence[Task],
) -> Float[np.ndarray, "repetitions tasks"]:
    """Expected rise of the highest expected accuracy at all images through each task alone."""
    every = [*running, *tasks]
    results = np.stack([belief.curves[t.model].draws(t.fraction * evidence.train_images) for t in every])
    width = 4 * evidence.dispersion * results.mean(1) * (1 - results.mean(1))
    seeds = np.array([NOISE.seed(t.fraction * evidence.train_images, evidence.train_images) for t in every])
    luck = width * (seeds + (1 - NOISE.lasting) / (4 * max(evidence.judged_on, 1)))
    law = width * (NOISE.law * np.log2([t.fraction for t in every])) ** 2  # what a part of the data cannot tell
    joint = np.concatenate([results, final])
    centred = joint - joint.mean(1, keepdims=True)
    covariance = centred @ centred.T / final.shape[1]
    for i in range(len(running)):  # what is running will be known: only what it leaves open counts
        covariance -= np.outer(covariance[i], covariance[i]) / (covariance[i, i] + luck[i] + law[i])
    new = slice(len(running), len(every))
    means, worth = final.mean(1), []
    for times in _REPETITIONS:
        variance = np.diag(covariance)[new] + luck[new] / times + law[new]
        moves = covariance[new, len(every) :] / np.sqrt(np.maximum(variance, 1e-12))[:, None]
        worth.append((means + moves[:, None, :] * _STEPS[None, :, None]).max(2).mean(1) - means.max())
    return np.stack(worth)
