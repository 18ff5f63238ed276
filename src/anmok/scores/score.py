"""All scores of one network for one data set."""

from dataclasses import dataclass

from anmok.scores.frozen import FrozenFeatures
from anmok.scores.h_score import shrunk_h_score
from anmok.scores.lda import lda
from anmok.scores.leave_one_out import LeaveOneOut
from anmok.scores.logme import logme
from anmok.scores.neighbours import neighbours
from anmok.scores.ridge import ridge
from anmok.scores.source_head import leep, nce

_NEIGHBOURS = 5


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Higher is better, in each; only the first three are accuracies. See the functions of the same names."""

    ridge: LeaveOneOut
    lda: LeaveOneOut
    neighbours: LeaveOneOut
    logme: float
    shrunk_h_score: float
    nce: float | None = None  # this and the next where there is a pretrained head
    leep: float | None = None

    @property
    def figures(self) -> dict[str, float | None]:
        """Every score as a number, by its name."""
        accuracies = {name: getattr(self, name).accuracy.value for name in ("ridge", "lda", "neighbours")}
        return accuracies | {name: getattr(self, name) for name in ("logme", "shrunk_h_score", "nce", "leep")}


def score(frozen: FrozenFeatures) -> Scores:
    """Take every score that the features and, where there is one, the pretrained head allow."""
    features, labels, answers = frozen.features, frozen.labels, frozen.source_probabilities
    return Scores(
        ridge=ridge(features, labels),
        lda=lda(features, labels),
        neighbours=neighbours(features, labels, count=min(_NEIGHBOURS, len(labels) - 1)),
        logme=logme(features, labels),
        shrunk_h_score=shrunk_h_score(features, labels),
        nce=None if answers is None else nce(answers, labels),
        leep=None if answers is None else leep(answers, labels),
    )
