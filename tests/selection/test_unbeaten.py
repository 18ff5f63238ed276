"""The Pareto front over score and all costs, by its definition."""

from dataclasses import replace
from itertools import product
from math import nan

from anmok.backbone import Kind
from anmok.selection.curves import Expectation
from anmok.selection.decide import Candidate, Status
from anmok.selection.pareto import unbeaten
from anmok.selection.plan import Cost
from anmok.training.recipe import Precision

COST = Cost(
    kind=Kind.CNN, params=100, macs=1, latency=1.0, memory=1.0, seconds_per_image=1.0, energy=1.0,
    precision=Precision.FP32,
)  # fmt: skip


def candidate(model: str, score: float, **costs: float) -> Candidate:
    expected = Expectation(images=100, mean=score, low=score - 0.1, high=score + 0.1)
    cost = replace(COST, **costs)
    return Candidate(model=model, status=Status.TIED, note="", cost=cost, expected=expected)


def test_each_of_the_six_keeps_a_model_on_the_front() -> None:
    best = candidate("best", 0.9)
    others = [
        candidate("better", 0.91, latency=9.0, params=900, memory=9.0, seconds_per_image=9.0),
        candidate("faster", 0.5, latency=0.9, params=900, memory=9.0, seconds_per_image=9.0),
        candidate("smaller", 0.5, latency=9.0, params=90, memory=9.0, seconds_per_image=9.0),
        candidate("slimmer", 0.5, latency=9.0, params=900, memory=0.9, seconds_per_image=9.0),
        candidate("quicker to train", 0.5, latency=9.0, params=900, memory=9.0, seconds_per_image=0.9),
        candidate("thriftier", 0.5, latency=9.0, params=900, memory=9.0, seconds_per_image=9.0, energy=0.9),
    ]
    assert unbeaten([best, *others]) == ("best", *(c.model for c in others))
    assert unbeaten([best, candidate("beaten", 0.9, latency=1.1), candidate("twin", 0.9)]) == ("best", "twin")


def test_energy_counts_only_where_that_of_all_is_known() -> None:
    dark, thrifty = candidate("dark", 0.9, energy=nan), candidate("thrifty", 0.8, energy=0.1)
    assert unbeaten([dark, thrifty]) == ("dark",)
    assert unbeaten([candidate("lit", 0.9), thrifty]) == ("lit", "thrifty")


def test_the_front_is_who_is_not_beaten_by_anybody() -> None:
    grid = [
        candidate(f"{s}{a}{b}", s / 10, latency=a, params=b) for s, a, b in product((5, 7, 9), (1.0, 2.0, 3.0), (1, 2))
    ]
    kept = [c for c in grid if (s := c.expected) and s.mean == 0.9 and c.cost.latency == 1.0 and c.cost.params == 1]
    assert unbeaten(grid) == tuple(c.model for c in kept)


def test_who_was_not_raced_is_not_on_it() -> None:
    excluded = replace(candidate("excluded", 0.9), expected=None, status=Status.EXCLUDED)
    assert unbeaten([excluded, candidate("raced", 0.1, latency=50.0)]) == ("raced",)
