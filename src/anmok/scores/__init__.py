"""How much do pretrained features already know about these images? Cheap scores that rank, and never decide.

On frozen features: `ridge`, `lda` and `neighbours` (accuracies, each image left out once), `logme`, `h_score` and
`shrunk_h_score`. On what a pretrained head answers: `nce` and `leep`. `frozen_features` runs a network once, `score`
takes all of them, and `shortlist` ranks several networks. `cues` asks without a network what tells the classes apart.
"""

from anmok.scores.cues import Cues, cues
from anmok.scores.frozen import FrozenFeatures, frozen_features, loader
from anmok.scores.h_score import h_score, shrunk_h_score
from anmok.scores.lda import lda
from anmok.scores.leave_one_out import LeaveOneOut
from anmok.scores.logme import logme
from anmok.scores.neighbours import neighbours
from anmok.scores.ridge import ridge
from anmok.scores.score import Scores, score
from anmok.scores.shortlist import Pretrained, Shortlist, pretrained, shortlist
from anmok.scores.source_head import leep, nce

__all__ = [
    "Cues",
    "FrozenFeatures",
    "LeaveOneOut",
    "Pretrained",
    "Scores",
    "Shortlist",
    "cues",
    "frozen_features",
    "h_score",
    "lda",
    "leep",
    "loader",
    "logme",
    "nce",
    "neighbours",
    "pretrained",
    "ridge",
    "score",
    "shortlist",
    "shrunk_h_score",
]
