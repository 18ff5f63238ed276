"""The decision as a table to print, sort or save."""

from math import isnan

import polars as pl

from anmok.selection.decide import Candidate, Decision
from anmok.selection.pareto import unbeaten

_SCHEMA = {
    "model": pl.String,
    "kind": pl.String,
    "status": pl.String,
    "accuracy": pl.Float64,
    "objective": pl.String,
    "score": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "fraction": pl.Float64,
    "seeds": pl.Int64,
    "expected": pl.Float64,
    "expected_low": pl.Float64,
    "expected_high": pl.Float64,
    "chance_near_best": pl.Float64,
    "latency_ms": pl.Float64,
    "params": pl.Int64,
    "macs": pl.Int64,
    "memory_mib": pl.Float64,
    "energy_mj": pl.Float64,
    "train_seconds": pl.Float64,
    "pareto": pl.Boolean,
    "note": pl.String,
}


def leaderboard(decision: Decision) -> pl.DataFrame:
    """One row per candidate, best first; accuracies and scores are shares.

    `score` is the objective, accuracy unless another was asked for. It was measured on the select split after
    `fraction` of the data, with its 95 % interval; `expected` is that at all of it, with its 80 % interval. `pareto`:
    whether no other model beats it in expected score, latency, parameters, memory, training time and energy at once;
    energy, of one image, is missing where no counter of this machine can be read.
    """
    front, title = unbeaten(decision.candidates), decision.objective.title
    return pl.DataFrame([_row(c, title, front) for c in decision.candidates], schema=_SCHEMA, orient="row")


def _row(candidate: Candidate, title: str, front: tuple[str, ...]) -> tuple[object, ...]:
    row, ahead, cost = candidate.score, candidate.expected, candidate.cost
    right = candidate.accuracy.value if candidate.accuracy else None
    measured = (row.value, row.low, row.high, candidate.fraction, candidate.seeds) if row else (None,) * 5
    expected = (ahead.mean, ahead.low, ahead.high, candidate.chance_near_best) if ahead else (None,) * 4
    energy = None if isnan(cost.energy) else cost.energy
    costs = (cost.latency, cost.params, cost.macs, cost.memory, energy, candidate.train_seconds)
    about = (candidate.model, cost.kind, str(candidate.status), right, title)
    return (*about, *measured, *expected, *costs, candidate.model in front if ahead else None, candidate.note)
