"""What a training is going to cost, and what is kept for the final one."""

import numpy as np
import pytest

from anmok.backbone import Kind
from anmok.selection.evidence import Evidence, Finished
from anmok.selection.plan import Cost, Extent, Plan, final_seconds, trial_seconds
from anmok.selection.terms import forecast, race_terms
from anmok.training.recipe import Precision

EXTENT = Extent(train_images=1600, final_images=2000, num_classes=10, budget=600.0, workers=2)
PLAN = Plan(
    models=("fast", "slow"),
    left_out=(),
    fractions=(1 / 4, 1 / 2, 1.0),
    epochs=16,
    available_seconds=500.0,
    forecast_seconds=400.0,
)


def cost(milliseconds: float) -> Cost:
    return Cost(
        kind=Kind.CNN,
        params=1,
        macs=1,
        latency=1.0,
        memory=1.0,
        seconds_per_image=milliseconds / 1000,
        precision=Precision.FP32,
    )


COSTS = {"fast": cost(1.0), "slow": cost(3.0)}


def evidence(ratio: float, accuracy: float = 0.5, *models: str) -> Evidence:
    """Trials of a quarter of the data that took `ratio` times as long as forecast."""
    finished = tuple(
        Finished(
            model=model,
            fraction=1 / 4,
            images=400,
            seed=0,
            seconds=ratio * trial_seconds(COSTS[model], 1 / 4, PLAN.epochs, EXTENT),
            correct=np.arange(500) < 500 * (accuracy if model == "slow" else 0.9),
        )
        for model in models
    )
    return Evidence(train_images=1600, finished=finished, costs=COSTS)


def test_before_the_first_trial_the_timed_steps_forecast() -> None:
    terms = race_terms(PLAN, EXTENT, evidence(1.0), seed=7)
    assert terms.seconds == {
        (m, f): trial_seconds(COSTS[m], f, PLAN.epochs, EXTENT) for m in PLAN.models for f in PLAN.fractions
    }
    assert terms.seeds == (7, 8, 9)
    assert terms.budget == 2 * (500.0 - final_seconds(COSTS, PLAN.models, PLAN.epochs, EXTENT))


def test_forecasts_follow_what_trainings_took() -> None:
    timed = trial_seconds(COSTS["slow"], 1.0, PLAN.epochs, EXTENT)
    others = forecast(evidence(2.0, 0.5, "fast"), "slow", 1.0, PLAN, EXTENT)
    own = forecast(evidence(2.0, 0.5, "fast", "slow"), "slow", 1.0, PLAN, EXTENT)
    assert timed < others < own < 2 * timed
    assert own == pytest.approx(1.75 * timed)  # the mean of 2 and of the others' 1.5


def test_no_time_is_kept_for_the_final_training_of_a_hopeless_model() -> None:
    both = race_terms(PLAN, EXTENT, evidence(1.0, 0.89, "fast", "slow"), seed=0)
    one = race_terms(PLAN, EXTENT, evidence(1.0, 0.1, "fast", "slow"), seed=0)
    assert one.budget - both.budget == pytest.approx(2 * 0.5 * 16 * 2000 * 0.002)
