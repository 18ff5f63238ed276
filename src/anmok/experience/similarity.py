"""How alike two data sets are, by their fingerprints."""

from collections.abc import Callable, Sequence
from math import log2, log10

import numpy as np
from jaxtyping import Float

from anmok.experience.fingerprint import Fingerprint

# What counts as one step of each fact: about the standard deviation over ten public data sets of unlike character
# (photographs, textures, defects, X-rays, digits, garments). Fixed, so that a similarity never changes afterwards.
_STEPS: dict[str, float] = {
    "images": 0.6,  # decades
    "classes": 0.6,  # decades
    "balance": 0.15,
    "side": 0.6,  # octaves
    "colourfulness": 0.08,
    "brightness": 0.13,
    "contrast": 0.07,
    "alignment": 0.23,
    "spectrum_slope": 0.4,
    "edge_density": 0.11,
    "sparsity": 0.35,
    "uniformity": 0.2,
    "separability": 0.3,
}
_SCALES: dict[str, Callable[[float], float]] = {"images": log10, "classes": log10, "side": log2}


def similarity(first: Fingerprint, second: Fingerprint) -> float:
    """exp(-d^2), with d^2 the mean squared difference of the standardised facts: 1 for equal facts.

    Counts and sides are compared by their logarithms. Two data sets of independent character have d^2 = 2 and a
    similarity of 0.14; a Gaussian kernel, so a matrix of similarities is positive semi-definite.
    """
    return float(similarities([first], [second])[0, 0])


def similarities(first: Sequence[Fingerprint], second: Sequence[Fingerprint]) -> Float[np.ndarray, "n m"]:
    """The similarity of each of the first with each of the second."""
    ours, theirs = _standardised(first), _standardised(second)
    return np.exp(-((ours[:, None] - theirs[None]) ** 2).mean(2))


def _standardised(fingerprints: Sequence[Fingerprint]) -> Float[np.ndarray, "n facts"]:
    facts = [fingerprint.to_dict() for fingerprint in fingerprints]
    rows = [[_SCALES.get(name, float)(found[name]) / step for name, step in _STEPS.items()] for found in facts]
    return np.array(rows).reshape(len(facts), len(_STEPS))
