"""What replays amount to: regret, cost, and whether the claims held."""

import numpy as np
import polars as pl

OURS = "Anmok"
_RESAMPLES = 2000


def summarise(rows: pl.DataFrame) -> pl.DataFrame:
    """One row for each policy and budget."""
    found = []
    for (policy, budget), part in rows.group_by("policy", "budget", maintain_order=True):
        regret = _matrix(part)
        low, high = interval(regret)
        chances = part.drop_nulls("chance")
        found.append(
            {
                "policy": policy,
                "budget": budget,
                "regret": regret.mean(),
                "low": low,
                "high": high,
                "p95": float(np.quantile(regret, 0.95)),
                "near": part["near"].mean(),
                "cost": part["share"].mean(),
                "violations": int(part["violated"].sum()),
                "claimed": chances["chance"].mean(),
                "actual": chances["near"].mean() if len(chances) else None,
                "covered": part["covered"].mean(),
                "again": _seed_agreement(part),
                "overhead": _overhead(part),
            }
        )
    return pl.DataFrame(found, infer_schema_length=None)


def compare(rows: pl.DataFrame, policy: str, other: str, budget: float) -> tuple[float, float, float]:
    """Mean regret of a policy minus that of another in the same replays at the same budget, and its interval."""
    pair = [_matrix(rows.filter((pl.col("policy") == name) & (pl.col("budget") == budget))) for name in (policy, other)]
    difference = pair[0] - pair[1]
    return (float(difference.mean()), *interval(difference))


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % of the mean of (data sets, replays), resampled over both; equal replays count as one."""
    random = np.random.default_rng(0)
    drawn = random.integers(len(values), size=(_RESAMPLES, len(values)))
    # The mean of resampled replays is normal about its data set's mean: drawn as such, not replay by replay.
    distinct = np.array([len(np.unique(row)) for row in values])
    noise = random.standard_normal(drawn.shape) * (values.std(1) / np.sqrt(distinct))[drawn]
    low, high = np.quantile((values.mean(1)[drawn] + noise).mean(1), [0.025, 0.975])
    return float(low), float(high)


def _matrix(part: pl.DataFrame) -> np.ndarray:
    """Regrets (data sets, replays)."""
    ordered = part.sort("data", "replay")
    return ordered["regret"].to_numpy().reshape(ordered["data"].n_unique(), -1)


def _seed_agreement(part: pl.DataFrame) -> float:
    """How often the choice of one replay lies in the equivalence set of another, over all pairs of a data set."""
    shares = []
    for _, own in part.group_by("data"):
        chosen = own["model"].value_counts(normalize=True)
        weight = dict(chosen.iter_rows())
        shares.append(np.mean([sum(weight.get(m, 0.0) for m in tied) for tied in own["tied"].to_list()]))
    return float(np.mean(shares))


def _overhead(part: pl.DataFrame) -> float | None:
    """Processor time of thinking over that of training; of each data set the replay that was thought over longest."""
    own = part.group_by("data").agg(pl.col("thought").max(), pl.col("spent").mean())
    return own["thought"].sum() / own["spent"].sum() if own["spent"].sum() else None
