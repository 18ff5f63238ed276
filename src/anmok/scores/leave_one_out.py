"""What a classifier on frozen features answers for each image when it is fitted to all others."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from anmok.evaluation.metrics import Proportion, accuracy
from anmok.scores.material import Labelled


@dataclass(frozen=True, kw_only=True)
class LeaveOneOut:
    """One answer per image, and the share of right ones with its Wilson interval."""

    predicted: Int[np.ndarray, " n"]  # labels
    correct: Bool[np.ndarray, " n"]  # for `compare_paired` with another network's
    accuracy: Proportion
    regularisation: float  # the penalty, shrinkage or number of neighbours that was used


def left_out(labelled: Labelled, answers: Int[np.ndarray, " n"], regularisation: float) -> LeaveOneOut:
    """Judge the answers, which are indices of classes."""
    correct = answers == labelled.classes
    return LeaveOneOut(
        predicted=labelled.labels[answers],
        correct=correct,
        accuracy=accuracy(correct),
        regularisation=regularisation,
    )
