"""What the race may still spend, and what each training of it is going to cost."""

from math import fsum

from anmok.selection.allocation import NEAR, Terms
from anmok.selection.evidence import Evidence
from anmok.selection.plan import Extent, Plan, final_seconds, trial_seconds

UNLIKELY = 0.05  # a model less likely than this to be near the best needs no time reserved for a final training
MOST_SEEDS = 3  # of one model on one part of the data
_TRUST = 1.0  # trainings that the timing before the race counts as


def race_terms(plan: Plan, extent: Extent, evidence: Evidence, seed: int) -> Terms:
    """The terms as they stand, by a plan and by how long the finished trials really took."""
    models = [m for m in plan.models if m not in evidence.failures]
    reserved = final_seconds(evidence.costs, _contenders(models, evidence), plan.epochs, extent) if models else 0.0
    return Terms(
        budget=(plan.available_seconds - reserved) * extent.workers,
        seconds={
            (model, fraction): forecast(evidence, model, fraction, plan, extent)
            for model in models
            for fraction in plan.fractions
        },
        seeds=tuple(range(seed, seed + MOST_SEEDS)),
    )


def forecast(evidence: Evidence, model: str, fraction: float, plan: Plan, extent: Extent) -> float:
    """Seconds of one training, on one worker.

    By the steps that were timed before the race, times how much longer or shorter this model's trainings took than
    that so far; of a model that was not trained yet, than all others'.
    """
    timed = {m: trial_seconds(evidence.costs[m], 1.0, plan.epochs, extent) for m in {model, *evidence.models}}
    shares = {f: trial_seconds(evidence.costs[model], f, plan.epochs, extent) / timed[model] for f in plan.fractions}

    def ratio(models: set[str], before: float) -> float:
        ratios = [f.seconds / (timed[f.model] * shares[f.fraction]) for f in evidence.finished if f.model in models]
        return (_TRUST * before + fsum(ratios)) / (_TRUST + len(ratios))

    others = ratio(set(evidence.models) - {model}, 1.0)
    return timed[model] * shares[fraction] * ratio({model}, others)


def _contenders(models: list[str], evidence: Evidence) -> list[str]:
    """Those that may still win."""
    chances = evidence.belief(tuple(models)).chances(NEAR, models)
    return [m for m in models if chances[m] >= UNLIKELY] or models
