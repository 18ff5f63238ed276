"""Replay policies on the recorded truth: how much accuracy does each lose to the best model, and at what cost?

    python benchmarks/oracle/replay.py [--replays 200] [--models 8] [--docs docs]

Each data set is asked about as if it were new: a policy may know what was recorded of the others. Regret is the test
accuracy of the best model minus that of the chosen one, each trained on all of the data, mean over seeds, in points.
Cost is the processor time of the trainings that were asked for, as a share of training every model on all of the data
once. Intervals are 95 %, from a bootstrap over data sets and the replays of each.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from anmok_policy import POLICIES as ANMOK
from policies import BASELINES, Policy
from results import describe_truth, to_claims, to_markdown, to_svg
from scores_of_replays import summarise
from truth import RECORDED, Choice, Session, Truth, read_truths

BUDGETS = (0.1, 0.2, 0.3, 0.5, float("inf"))  # shares of training everything
NEAR = 0.5  # points
REPLAYS = 200
START, END = "<!-- replayed -->", "<!-- end -->"  # the part of docs/oracle.md that is written here


class Contest(NamedTuple):
    """What is replayed."""

    truths: Mapping[str, Truth]
    policies: Mapping[str, Policy]
    budgets: Sequence[float] = BUDGETS
    replays: int = REPLAYS
    models: int | None = None  # drawn by lot for each replay, the same for every policy; None: all


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=RECORDED)
    parser.add_argument("--replays", type=int, default=REPLAYS)
    parser.add_argument("--models", type=int, help="race so many, drawn by lot for each replay: other winners, too")
    parser.add_argument("--docs", type=Path, help="renew oracle.md and oracle.svg there")
    arguments = parser.parse_args()
    policies = BASELINES | optuna_policies() | ANMOK
    truths = read_truths(arguments.table)
    rows = replay(Contest(truths, policies, replays=arguments.replays, models=arguments.models))
    summary = summarise(rows)
    found = "\n".join([describe_truth(truths), to_markdown(rows, summary), to_claims(summary)])
    print(found)
    if arguments.docs:
        page = arguments.docs / "oracle.md"
        before, _, after = page.read_text().partition(START)
        page.write_text(f"{before}{START}\n{found}{END}{after.partition(END)[2]}")
        (arguments.docs / "oracle.svg").write_text(to_svg(summary))


def optuna_policies() -> dict[str, Policy]:
    """Optuna's pruners, where Optuna is installed."""
    try:
        import optuna_policies as module
    except ModuleNotFoundError:
        return {}
    return module.POLICIES


def replay(contest: Contest) -> pl.DataFrame:
    """One row for each policy, budget, data set and replay; equal replays have equal seeds for every policy."""
    rows = []
    for name, policy in contest.policies.items():
        for budget in contest.budgets:
            for number, (data, truth) in enumerate(contest.truths.items()):
                past = {other: t for other, t in contest.truths.items() if other != data}
                for turn in range(contest.replays):
                    random, asked = np.random.default_rng((number, turn)), truth
                    if contest.models:
                        asked = truth.only(random.choice(sorted(truth.kinds), contest.models, replace=False).tolist())
                    session = Session(asked, past, budget, random)
                    start = time.process_time()
                    choice = policy(session)
                    thought = time.process_time() - start
                    rows.append({"policy": name, "budget": budget, "data": data, "replay": turn, "thought": thought})
                    rows[-1] |= judge(choice, session, asked)
    return pl.DataFrame(rows, infer_schema_length=None)


def judge(choice: Choice, session: Session, truth: Truth) -> dict[str, object]:
    """What came of one replay."""
    held = [low <= truth.accuracies[m] <= high for m, (low, high) in choice.intervals.items()]
    return {
        "model": choice.model,
        "regret": truth.regret(choice.model),
        "near": truth.regret(choice.model) <= NEAR,
        "share": session.spent / truth.exhaustive,
        "violated": session.spent > session.budget,
        "spent": session.spent,
        "chance": choice.chance,
        "covered": float(np.mean(held)) if held else None,
        "tied": list(choice.tied) or [choice.model],
    }


if __name__ == "__main__":
    main()
