"""What a network learns from ever more samples, as one number."""

from collections.abc import Sequence
from math import isnan

import numpy as np
from jaxtyping import Float

from anmok.probes import Metric, ProbeResult
from anmok.probes.intervals import bootstrap


def area(samples: Sequence[int], accuracies: Sequence[float], chance: float) -> float:
    """Area under the curve over the logarithm of the samples, by trapezia; 0 at chance, 1 where all is right."""
    skill = (np.array(accuracies) - chance) / (1 - chance)
    at = np.log(samples)
    return float(np.trapezoid(skill, at) / (at[-1] - at[0]))


def efficiency(metric: Metric, samples: Sequence[int], curve: Sequence[ProbeResult], chance: float) -> ProbeResult:
    """The area under the curve through some accuracies; its interval goes from end to end of theirs."""
    unknown = [result for result in curve if isnan(result.value)]
    if unknown:
        return metric.missing(unknown[0].note, status=unknown[0].status)
    value, low, high = (
        area(samples, [float(end) for end in ends], chance)
        for ends in zip(*((r.value, r.low or 0.0, r.high or 1.0) for r in curve), strict=True)
    )
    return metric.found(value, (low, high), n=curve[-1].n)


def found_accuracy(metric: Metric, counts: Float[np.ndarray, "b 2"]) -> ProbeResult:
    """Share of right answers, from how many of each sample are right and were asked; bootstrap over samples."""
    counts = counts[counts[:, 1] > 0]

    def share(rows: np.ndarray) -> float:
        return float(rows[:, 0].sum() / rows[:, 1].sum())

    return metric.found(share(counts), bootstrap(counts, share), n=len(counts))
