"""What the frozen features of pretrained models knew about the images, before the race."""

from dataclasses import dataclass

from anmok.evaluation.measurements import Measurement
from anmok.report.facts import Facts
from anmok.selection.decide import Candidate
from anmok.selection.material import WEIGHTS


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One pretrained model with its scores."""

    candidate: Candidate
    weights: str  # which they are, where the model raced; else empty
    ridge: Measurement  # share of the train images, each left out once, that a linear head answers right
    lda: float  # likewise
    neighbours: float  # likewise
    logme: float


def read_shortlist(facts: Facts) -> list[Listed]:
    """The scored models, best first; none in a race from scratch."""
    weights = {row.subject: row.note for row in facts.listed(WEIGHTS)}
    others = {name: _by_model(facts, name) for name in ("lda", "neighbours", "logme")}
    return [
        Listed(
            candidate=facts.decision[row.subject],
            weights=weights.get(row.subject, ""),
            ridge=row,
            **{name: values[row.subject] for name, values in others.items()},
        )
        for row in sorted(facts.listed("ridge_score"), key=lambda row: (-row.value, row.subject))
    ]


def _by_model(facts: Facts, score: str) -> dict[str, float]:
    return {row.subject: row.value for row in facts.listed(f"{score}_score")}
