"""Counts and ranks that can be worked out by hand."""

import numpy as np
import pytest

from anmok.evaluation.measurements import Outcome
from anmok.report.mistakes import MOST_WORST, find_mistakes

CLASSES = ("cat", "dog", "eel")


def _outcome(labels: list[int], predicted: list[int], confidence: list[float]) -> Outcome:
    return Outcome(
        subject="vit_nano",
        split="test",
        conditions={},
        ids=np.arange(100, 100 + len(labels), dtype=np.int32),
        labels=np.array(labels, np.int32),
        predicted=np.array(predicted, np.int32),
        confidence=np.array(confidence, np.float32),
        true_probability=np.array([0.1] * len(labels), np.float32),
    )


ANSWERS = _outcome([0, 0, 0, 0, 1, 1, 1, 1], [0, 1, 1, 2, 1, 1, 1, 0], [0.9, 0.6, 0.8, 0.7, 0.9, 0.9, 0.9, 0.95])


def test_confusions_are_counted_and_ordered() -> None:
    found = find_mistakes(ANSWERS, CLASSES)
    assert (found.wrong, found.images, found.split) == (4, 8, "test")
    assert [(c.label, c.answer, c.images, c.share) for c in found.confusions] == [
        ("cat", "dog", 2, 0.5),
        ("cat", "eel", 1, 0.25),
        ("dog", "cat", 1, 0.25),
    ]


def test_recalls_are_worst_first_and_leave_out_absent_classes() -> None:
    recalls = find_mistakes(ANSWERS, CLASSES).recalls
    assert [(r.label, r.share.value, r.share.n) for r in recalls] == [("cat", 0.25, 4), ("dog", 0.75, 4)]


def test_worst_mistakes_are_the_most_confident() -> None:
    worst = find_mistakes(ANSWERS, CLASSES).worst
    assert [(m.id, m.label, m.answer) for m in worst] == [
        (107, "dog", "cat"),
        (102, "cat", "dog"),
        (103, "cat", "eel"),
        (101, "cat", "dog"),
    ]
    assert worst[0].confidence == pytest.approx(0.95)


def test_worst_mistakes_are_few() -> None:
    n = 3 * MOST_WORST
    assert len(find_mistakes(_outcome([0] * n, [1] * n, [0.5] * n), CLASSES).worst) == MOST_WORST


def test_no_mistake_at_all() -> None:
    found = find_mistakes(_outcome([0, 1], [0, 1], [0.9, 0.9]), CLASSES)
    assert (found.wrong, found.confusions, found.worst) == (0, (), ())
