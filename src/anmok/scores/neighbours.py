"""The nearest other images, by the angle between their features."""

import numpy as np

from anmok.errors import RequestError
from anmok.scores.leave_one_out import LeaveOneOut, left_out
from anmok.scores.material import Features, ImageLabels, check_features

_CHUNK = 1024  # images compared with all at once


def neighbours(features: Features, labels: ImageLabels, *, count: int = 5) -> LeaveOneOut:
    """Leave-one-out answers of the `count` other images with the largest cosine: their most frequent class.

    Among equally frequent classes, the one with the larger sum of cosines. Features of length zero have the
    cosine 0 with all.
    """
    labelled = check_features(features, labels, least=2)
    n = len(labelled.rows)
    if not 1 <= count < n:
        raise RequestError(f"Among {n} images each has 1 to {n - 1} neighbours: got count={count}.")
    lengths = np.linalg.norm(labelled.rows, axis=1, keepdims=True)
    rows = labelled.rows / np.where(lengths > 0, lengths, 1)
    answers = np.empty(n, dtype=np.int64)
    for start in range(0, n, _CHUNK):
        cosines = rows[start : start + _CHUNK] @ rows.T
        each = np.arange(len(cosines))[:, None]
        cosines[each[:, 0], start + each[:, 0]] = -np.inf
        nearest = np.argpartition(cosines, n - count, axis=1)[:, n - count :]
        votes = np.zeros((len(cosines), len(labelled.counts)))
        closeness = 1 + cosines[each, nearest] / (2 * count)  # cosines break ties and never outweigh a vote
        np.add.at(votes, (each, labelled.classes[nearest]), closeness)
        answers[start : start + _CHUNK] = votes.argmax(1)
    return left_out(labelled, answers, count)
