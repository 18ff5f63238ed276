"""Two models on the same images: how far apart are they, and can the images and the seeds tell?"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb, sqrt

import numpy as np
from jaxtyping import Bool, Float, Shaped

ALPHA = 0.05  # chance at which two equal models may be told apart by mistake
_MOST_PATTERNS = 1000  # of contributions that are resampled one by one


@dataclass(frozen=True, kw_only=True)
class PairedComparison:
    """Accuracy, or another objective, of a first minus that of a second model on the same images; not in points."""

    difference: float
    low: float  # 95 % interval of the difference, paired bootstrap over images and seeds
    high: float
    standard_error: float
    p_value: float  # of "both are equally good": exact McNemar test of right answers; of several seeds, or of
    # contributions that are not right or wrong, the bootstrap's
    n: int

    @property
    def separable(self) -> bool:
        """Whether both the test and the interval tell the two models apart."""
        return self.p_value < ALPHA and not self.low <= 0.0 <= self.high


def compare_paired(
    first: Shaped[np.ndarray, "... n"],
    second: Shaped[np.ndarray, "... n"],
    *,
    training_sd: float = 0.0,
    draws: int = 10_000,
    seed: int = 0,
) -> PairedComparison:
    """Compare two models image by image, each trained once or with several seeds (one row each).

    Takes right answers (bool), or what each image contributes to another objective. Hierarchical bootstrap: images
    are drawn for both models together, seeds for each alone. Images with the same contributions are
    interchangeable, so one multinomial draw over their patterns does it. Over k seeds a bootstrap misses 1 / k of
    their variance; `training_sd`, the standard deviation from one seed to another, stands in for what is missing.
    """
    both = np.concatenate([np.atleast_2d(first), np.atleast_2d(second)])
    k, n = len(np.atleast_2d(first)), both.shape[1]
    random = np.random.default_rng(seed)
    resampled = _resample(both, draws, random)
    differences, variance = np.zeros(draws), float((both[:k].mean(0) - both[k:].mean(0)).var()) / n
    for sign, rows in ((1, slice(0, k)), (-1, slice(k, None))):
        part = resampled[:, rows]
        seeds = part.shape[1]
        chosen = random.integers(seeds, size=part.shape)
        missing = training_sd / seeds
        differences += sign * (np.take_along_axis(part, chosen, 1).mean(1) + missing * random.standard_normal(draws))
        variance += float(both[rows].mean(1).var()) / seeds + missing**2
    difference = float(both[:k].mean() - both[k:].mean())
    low, high = np.quantile(differences, [0.025, 0.975])
    return PairedComparison(
        difference=difference,
        low=float(low),
        high=float(high),
        standard_error=sqrt(variance),
        p_value=mcnemar(*_disagreements(both)) if both.dtype == bool and len(both) == 2 else _p_value(differences),
        n=n,
    )


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """P-values corrected for the number of questions asked (Holm 1979): below 0.05 all together, 5 % are mistaken."""
    corrected, highest = {}, 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: (p_values[name], name))):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[name]))
        corrected[name] = highest
    return corrected


def mcnemar(first_only: int, second_only: int) -> float:
    """Two-sided exact p-value that two models are equally often right (McNemar 1947; binomial, no approximation)."""
    trials = first_only + second_only
    tail = sum(comb(trials, i) for i in range(min(first_only, second_only) + 1))
    return float(min(1.0, 2 * tail / 2**trials))


def _disagreements(both: Bool[np.ndarray, "2 n"]) -> tuple[int, int]:
    return int((both[0] & ~both[1]).sum()), int((both[1] & ~both[0]).sum())


def _resample(
    both: Shaped[np.ndarray, "trainings n"], draws: int, random: np.random.Generator
) -> Float[np.ndarray, "draws trainings"]:
    """Means over images that are drawn anew; of very many patterns, which would take long, by their normal limit."""
    patterns, counts = np.unique(both, axis=1, return_counts=True)
    n = both.shape[1]
    if len(counts) > _MOST_PATTERNS:
        return random.multivariate_normal(both.mean(1), np.cov(both, bias=True) / n, size=draws, method="eigh")
    return np.asarray(random.multinomial(n, counts / n, size=draws) @ patterns.T / n)


def _p_value(differences: np.ndarray) -> float:
    beyond = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return min(1.0, 2 * (beyond + 1) / (len(differences) + 1))
