from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anmok.backbone import Kind
from anmok.errors import BudgetError
from anmok.selection.plan import (
    EPOCHS,
    FINAL_EPOCHS,
    FINE_TUNING_EPOCHS,
    Cost,
    Extent,
    epochs_at,
    final_epochs,
    final_seconds,
    make_plan,
    race_fractions,
    trial_seconds,
)
from anmok.training.recipe import Precision

EXTENT = Extent(train_images=3200, final_images=4000, num_classes=10, budget=1800.0, workers=2)


def cost(kind: Kind, milliseconds: float) -> Cost:
    return Cost(
        kind=kind,
        params=1_000_000,
        macs=10_000_000,
        latency=1.0,
        memory=10.0,
        seconds_per_image=milliseconds / 1000,
        precision=Precision.FP32,
    )


COSTS = {
    "mlp": cost(Kind.MLP, 0.2),
    "cnn": cost(Kind.CNN, 1.0),
    "large_cnn": cost(Kind.CNN, 4.0),
    "transformer": cost(Kind.TRANSFORMER, 1.5),
    "hybrid": cost(Kind.HYBRID, 2.0),
}


def test_more_time_means_longer_training_of_all() -> None:
    plans = [make_plan(COSTS, replace(EXTENT, budget=60.0 * m), None) for m in (10, 30, 120)]
    assert [p.left_out for p in plans] == [(), (), ()]
    lengths = [p.epochs for p in plans]
    assert lengths == sorted(set(lengths))
    assert plans[-1].epochs == EPOCHS[-1]


def test_the_forecast_says_what_it_is_of() -> None:
    plan = make_plan(COSTS, EXTENT, 4)
    parts = [sum(trial_seconds(COSTS[m], f, 4, EXTENT) for m in COSTS) for f in plan.fractions]
    slowest = [trial_seconds(COSTS["large_cnn"], f, 4, EXTENT) for f in plan.fractions]
    shares = [1.0, 1.0, 0.5, 0.5, 0.5]
    race = sum(max(share * part / 2, alone) for share, part, alone in zip(shares, parts, slowest, strict=True))
    assert plan.forecast_seconds == pytest.approx(race + final_seconds(COSTS, plan.models, 4, EXTENT))
    said = plan.describe(1800.0)
    assert said.endswith(
        "for 5 models on 2 parts of the data, half of them on all 5, with 4 epochs on all of it, and a final training; "
        "budget 30 m"
    )
    assert "half" not in make_plan(COSTS, replace(EXTENT, train_images=40, final_images=50), 4).describe(1800.0)


def test_fine_tuning_is_shorter() -> None:
    tuned = [make_plan(COSTS, replace(EXTENT, budget=60.0 * m, pretrained=True), None).epochs for m in (5, 30, 300)]
    assert tuned == sorted(tuned)
    assert set(tuned) <= set(FINE_TUNING_EPOCHS)
    assert tuned[-1] == FINE_TUNING_EPOCHS[-1] < EPOCHS[-1]


@given(st.floats(40.0, 20_000.0))
def test_what_is_planned_is_forecast_to_fit(budget: float) -> None:
    try:
        plan = make_plan(COSTS, replace(EXTENT, budget=budget), None)
    except BudgetError:
        return
    assert plan.available_seconds < budget
    assert plan.epochs == EPOCHS[0] or plan.forecast_seconds <= plan.available_seconds
    kinds = {COSTS[m].kind for m in plan.models}
    assert {Kind.CNN, Kind.TRANSFORMER, Kind.HYBRID} <= kinds


def test_the_slowest_of_a_kind_is_left_out_first_and_never_the_last_of_it() -> None:
    plan = make_plan(COSTS, replace(EXTENT, budget=60.0), None)
    assert plan.left_out == ("large_cnn",)
    assert "transformer" in plan.models


def test_many_models_race_only_where_all_train_for_long() -> None:
    many = COSTS | {f"cnn{i}": cost(Kind.CNN, 1.0 + i / 10) for i in range(8)} | {"vit": cost(Kind.TRANSFORMER, 3.0)}
    rich = make_plan(many, replace(EXTENT, budget=36_000.0), None)
    assert rich.left_out == ()
    poor = make_plan(many, replace(EXTENT, budget=600.0), None)
    kinds = [many[m].kind for m in poor.models]
    assert len(poor.models) >= 6
    assert max(kinds.count(kind) for kind in Kind) - kinds.count(Kind.TRANSFORMER) <= 1
    assert poor.epochs >= 16 or len(poor.models) == 6
    assert "large_cnn" in poor.left_out


def test_a_budget_for_less_than_two_rungs_says_what_would_be_enough() -> None:
    with pytest.raises(
        BudgetError, match=r"^A budget of 10 s is too small for two rungs .*: (.+) would be enough"
    ) as error:
        make_plan(COSTS, replace(EXTENT, budget=10.0), None)
    assert "Raise --budget or lower --image-size" in str(error.value)
    enough = float(str(error.value).split("training: ")[1].split(" s would")[0])
    make_plan(COSTS, replace(EXTENT, budget=enough), None)


def test_given_epochs_are_kept_and_named_in_the_remedy() -> None:
    assert make_plan(COSTS, EXTENT, 3).epochs == 3
    with pytest.raises(BudgetError, match=r"Raise --budget or lower --epochs\.$"):
        make_plan(COSTS, replace(EXTENT, budget=60.0), 500)


def test_rungs_keep_ten_images_a_class_but_are_never_fewer_than_two() -> None:
    assert race_fractions(EXTENT) == (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
    assert race_fractions(replace(EXTENT, train_images=500)) == (1 / 4, 1 / 2, 1.0)
    assert race_fractions(replace(EXTENT, train_images=40)) == (1 / 2, 1.0)


def test_smaller_parts_get_more_epochs_but_fewer_steps() -> None:
    epochs = [epochs_at(f, 16) for f in (1 / 16, 1 / 4, 1.0)]
    assert epochs == [32, 23, 16]
    steps = [f * e for f, e in zip((1 / 16, 1 / 4, 1.0), epochs, strict=True)]
    assert steps == sorted(steps)


@pytest.mark.parametrize(("spent", "epochs"), [(0.0, 3 * 45), (1530.0, 22), (1e6, 22)])
def test_the_final_training_uses_the_time_left_within_bounds(spent: float, epochs: int) -> None:
    plan = replace(make_plan(COSTS, EXTENT, 45), available_seconds=1530.0)
    assert final_epochs(plan, COSTS["cnn"], EXTENT, spent) == epochs
    assert FINAL_EPOCHS == (0.5, 3)
