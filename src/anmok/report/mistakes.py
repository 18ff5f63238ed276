"""Where a model errs: which classes it confuses, which it misses, and of which errors it was most certain."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from anmok.evaluation.measurements import Outcome
from anmok.evaluation.metrics import Proportion, accuracy, confusion_matrix

MOST_PAIRS = 10
MOST_WORST = 24


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """How often one class was taken for another."""

    label: str
    answer: str
    images: int
    share: float  # of the images of the class


@dataclass(frozen=True, kw_only=True)
class Recall:
    """How many images of a class were recognised."""

    label: str
    share: Proportion


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One image that was answered wrong."""

    id: int  # its row in splits.parquet
    label: str
    answer: str
    confidence: float  # probability of the answer
    true_probability: float  # of the label


@dataclass(frozen=True, kw_only=True)
class Mistakes:
    """All of it for one model and one split."""

    split: str
    images: int
    wrong: int
    matrix: Int[np.ndarray, "k k"]  # label by answer
    confusions: tuple[Confusion, ...]  # most frequent first
    recalls: tuple[Recall, ...]  # worst first; classes without images are left out
    worst: tuple[Mistake, ...]  # most confident first


def find_mistakes(answers: Outcome, classes: Sequence[str]) -> Mistakes:
    """Count and rank the wrong answers."""
    matrix = confusion_matrix(answers.labels, answers.predicted, len(classes))
    return Mistakes(
        split=answers.split,
        images=len(answers.labels),
        wrong=int((~answers.correct).sum()),
        matrix=matrix,
        confusions=tuple(_confusions(matrix, classes)),
        recalls=tuple(_recalls(answers, classes)),
        worst=tuple(_worst(answers, classes)),
    )


def _confusions(matrix: Int[np.ndarray, "k k"], classes: Sequence[str]) -> list[Confusion]:
    wrong = matrix * ~np.eye(len(matrix), dtype=bool)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True) if wrong[i, j]]
    return [
        Confusion(
            label=classes[i], answer=classes[j], images=int(wrong[i, j]), share=float(wrong[i, j] / matrix[i].sum())
        )
        for i, j in pairs
    ]


def _recalls(answers: Outcome, classes: Sequence[str]) -> list[Recall]:
    recalls = [
        Recall(label=name, share=accuracy(answers.correct[answers.labels == label]))
        for label, name in enumerate(classes)
        if (answers.labels == label).any()
    ]
    return sorted(recalls, key=lambda r: (r.share.value, r.label))


def _worst(answers: Outcome, classes: Sequence[str]) -> list[Mistake]:
    wrong = np.flatnonzero(~answers.correct)
    order = wrong[np.argsort(-answers.confidence[wrong], kind="stable")][:MOST_WORST]
    return [
        Mistake(
            id=int(answers.ids[i]),
            label=classes[answers.labels[i]],
            answer=classes[answers.predicted[i]],
            confidence=float(answers.confidence[i]),
            true_probability=float(answers.true_probability[i]),
        )
        for i in order
    ]
