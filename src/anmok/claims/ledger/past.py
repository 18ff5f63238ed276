"""Trainings that were recorded once and ship with the package: accuracies by data set, model and number of images."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from statistics import mean
from typing import TypeAlias

from anmok.experience.recorded import read_recorded

Curve: TypeAlias = dict[int, float]
"""Training images -> test accuracy in percent, mean over seeds."""


@cache
def curves() -> dict[str, dict[str, Curve]]:
    """For every data set the curve of every model that was trained from scratch."""
    found: dict[str, dict[str, dict[int, list[float]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for trial in read_recorded().trials:
        if not trial.pretrained and trial.test_accuracy is not None:
            found[trial.data][trial.model][trial.images].append(100 * trial.test_accuracy)
    return {
        data: {model: {n: mean(by_n[n]) for n in sorted(by_n)} for model, by_n in models.items()}
        for data, models in sorted(found.items())
    }


def data_sets(models: Sequence[str]) -> list[str]:
    """Those on which all of the models were trained, with two numbers of images or more."""
    return [data for data, known in curves().items() if all(len(known.get(model, ())) > 1 for model in models)]
