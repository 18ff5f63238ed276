"""Whether a classifier's right answers say anything."""

import numpy as np
from jaxtyping import Bool

from anmok.evaluation.metrics import accuracy
from anmok.shapes import Labels


def uninformative(right: Bool[np.ndarray, " n"], labels: Labels) -> str:
    """Why they say nothing, in one sentence; empty where they do.

    The Wilson interval of the accuracy has to lie above the share of the most frequent class.
    """
    whole = accuracy(right)
    chance = float(labels.bincount().max()) / len(labels)
    if whole.low > chance:
        return ""
    return (
        f"{100 * whole.value:.1f} % of the intact images are answered right, which is not above the "
        f"{100 * chance:.1f} % of always naming the most frequent class"
    )
