"""By how much are logits to be divided? Temperature scaling (Guo et al. 2017, arXiv:1706.04599, eq. 9)."""

from math import exp, log

import numpy as np
import torch
from jaxtyping import Float

from anmok.probes.intervals import bootstrap
from anmok.shapes import Labels, Logits

_MOST = log(1000)  # of the logarithm of a temperature, either way
_HALVINGS = 50


def best_temperature(logits: Logits, labels: Labels) -> float | None:
    """The one with the least negative log-likelihood, to 13 digits; None where there is none from 0.001 to 1000.

    In the inverse temperature the likelihood is convex, so that halving the range for its slope finds it.
    """
    low, high = -_MOST, _MOST
    if _slopes(logits, labels, exp(low))[0].mean() >= 0 or _slopes(logits, labels, exp(high))[0].mean() <= 0:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _slopes(logits, labels, exp(middle))[0].mean() < 0 else (low, middle)
    return exp(-(low + high) / 2)


def temperature_interval(logits: Logits, labels: Labels, best: float) -> tuple[float | None, float | None]:
    """Bootstrap over images: one Newton step away from the best temperature for each draw, in its logarithm."""
    first, second = _slopes(logits, labels, 1 / best)

    def step(rows: Float[np.ndarray, "n 2"]) -> float:
        slope, bend = rows.mean(0)
        return best * exp(slope / (bend / best + slope)) if bend / best + slope > 0 else float("nan")

    return bootstrap(np.stack((first, second), axis=1), step)


def _slopes(logits: Logits, labels: Labels, inverse: float) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """First and second derivative of each image's negative log-likelihood by the inverse temperature."""
    chances = (inverse * logits).softmax(1)
    mean = (chances * logits).sum(1)
    spread = (chances * (logits - mean[:, None]) ** 2).sum(1)
    own = logits[torch.arange(len(labels)), labels]
    return (mean - own).numpy(), spread.numpy()
