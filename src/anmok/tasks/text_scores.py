"""How well texts, or other things that have a name, were classified: rows for the table, and what the report shows."""

from collections.abc import Sequence
from textwrap import shorten

import numpy as np
from jaxtyping import Float, Int

from anmok.evaluation.measurements import Measurement
from anmok.evaluation.metrics import ClassScore, accuracy, class_scores, confusion_matrix, macro_f1
from anmok.tasks.section import Section
from anmok.tasks.task import Tested

_MISTAKES = 20  # that are shown
_CLASSES = 20  # of which it is shown who is taken for whom; of more, the table would not fit
_LETTERS = 300  # of a text


def tested(
    texts: Sequence[str],
    labels: Int[np.ndarray, " n"],
    probabilities: Float[np.ndarray, "n k"],
    classes: Sequence[str],
    *,
    what: str = "text",  # noqa: PT028 - it is no test
) -> Tested:
    """Accuracy (Wilson interval) and macro-F1; tables of classes, confusions and worst mistakes.

    `what` is what one of them is called.
    """
    predicted = probabilities.argmax(1)
    right, confusion = accuracy(predicted == labels), confusion_matrix(labels, predicted, len(classes))
    scores = class_scores(confusion)
    rows = [
        Measurement(
            subject="",
            metric="test_accuracy",
            value=right.value,
            unit="share",
            low=right.low,
            high=right.high,
            n=right.n,
        ),
        Measurement(subject="", metric="test_macro_f1", value=macro_f1(scores), unit="share", n=right.n),
    ]
    sections = [_classes(scores, classes, what), _mistakes(texts, labels, probabilities, classes, what)]
    if len(classes) <= _CLASSES:
        sections.insert(1, _confusion(confusion, classes, what))
    return Tested(rows, sections)


def _classes(scores: Sequence[ClassScore], classes: Sequence[str], what: str) -> Section:
    return Section(
        title="Classes",
        text=f"Recall is the share of a class's {what}s that were recognised, precision the share of such answers that "
        "were right, F1 their harmonic mean.",
        columns=("class", f"{what}s", "recall", "precision", "F1"),
        rows=tuple(
            (
                classes[score.label],
                f"{score.images:,}",
                "" if score.recall is None else _percent(score.recall.value),
                "" if score.precision is None else _percent(score.precision),
                f"{score.f1:.3f}",
            )
            for score in scores
        ),
    )


def _confusion(confusion: Int[np.ndarray, "k k"], classes: Sequence[str], what: str) -> Section:
    return Section(
        title="Confusion",
        text=f"How many {what}s of each class (row) got which answer (column).",
        columns=("class", *classes),
        rows=tuple((name, *(f"{n:,}" for n in row)) for name, row in zip(classes, confusion.tolist(), strict=True)),
    )


def _mistakes(
    texts: Sequence[str],
    labels: Int[np.ndarray, " n"],
    probabilities: Float[np.ndarray, "n k"],
    classes: Sequence[str],
    what: str,
) -> Section:
    predicted, sure = probabilities.argmax(1), probabilities.max(1)
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:_MISTAKES]
    return Section(
        title="Worst mistakes",
        text="Wrong answers of which the network was most certain." if len(worst) else "There were none.",
        columns=(what, "label", "answer", "probability") if len(worst) else (),
        rows=tuple(
            (
                shorten(texts[row], _LETTERS, placeholder=" …"),
                classes[labels[row]],
                classes[predicted[row]],
                _percent(float(sure[row])),
            )
            for row in worst
        ),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
