"""Which models are worth their price: those that no other beats in everything at once."""

from collections.abc import Sequence

from anmok.selection.decide import Candidate
from anmok.selection.preference import known


def unbeaten(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """The raced models on the Pareto front of expected score, latency, parameters, memory, training time and energy.

    A model is beaten by one that is expected to be no worse and costs no more in any respect, and differs in one.
    """
    raced = [(c, c.expected) for c in candidates if c.expected]
    axes = known(c.cost for c, _ in raced)
    points = {c.model: (-expected.mean, *(axis.price(c.cost) for axis in axes)) for c, expected in raced}
    return tuple(model for model, point in points.items() if not any(_beats(other, point) for other in points.values()))


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
