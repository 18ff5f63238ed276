"""Scores of what a pretrained head answers, in its own classes, for images of other classes.

Comparable among heads for the same classes: a head with more classes splits the images more finely.
"""

import numpy as np

from anmok.scores.material import ImageLabels, Labelled, Probabilities, check_probabilities


def nce(probabilities: Probabilities, labels: ImageLabels) -> float:
    """Minus the conditional entropy of the labels given the head's most probable class, in nats.

    From minus the labels' entropy (the answers say nothing) to 0 (each answer stands for one class).
    Tran et al. 2019, arXiv:1908.08142.
    """
    labelled = check_probabilities(probabilities, labels)
    answers = np.eye(labelled.rows.shape[1])[labelled.rows.argmax(1)]
    shares = _class_given_answer(labelled, answers)
    return float(np.log((answers @ shares.T)[np.arange(len(answers)), labelled.classes]).mean())


def leep(probabilities: Probabilities, labels: ImageLabels) -> float:
    """Mean log-likelihood of the labels when each class of the head votes by the labels it went with, in nats.

    log sum_z P(y | z) p(z | x), where P(y, z) is the mean over images of p(z | x) for those labelled y; at most 0.
    Nguyen et al. 2020, arXiv:2002.12462, sec. 3.
    """
    labelled = check_probabilities(probabilities, labels)
    shares = _class_given_answer(labelled, labelled.rows)
    return float(np.log((labelled.rows @ shares.T)[np.arange(len(labelled.rows)), labelled.classes]).mean())


def _class_given_answer(labelled: Labelled, answers: np.ndarray) -> np.ndarray:
    """P(class | answer of the head), (k, z); 0 for answers that were never given."""
    joint = labelled.indicators.T @ answers
    total = joint.sum(0)
    shares: np.ndarray = joint / np.where(total > 0, total, 1)
    return shares
