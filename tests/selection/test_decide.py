"""The decision on recorded tables: the same table, the same decision."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anmok.errors import TrainingError
from anmok.evaluation.measurements import Measurement, Measurements
from anmok.selection.decide import Status, decide
from anmok.selection.reasons import advice, reasons
from recorded_run import RACERS, Scene, build_run


def recorded(root: Path, scene: Scene) -> Measurements:
    return build_run(root, scene).measurements


def test_the_decision_is_replayed_from_the_table_alone(tmp_path: Path) -> None:
    table = recorded(tmp_path / "run", Scene())
    assert decide(Measurements(table.path)) == decide(table)


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    table = recorded(tmp_path / "run", Scene())
    shuffled = Measurements(tmp_path / "shuffled.sqlite")
    rows, outcomes = table.rows(), table.outcomes()
    order = np.random.default_rng(0).permutation(len(rows))
    shuffled.append([rows[i] for i in order], outcomes[::-1])
    assert decide(shuffled) == decide(table)


def test_every_candidate_is_listed_once_best_first(tmp_path: Path) -> None:
    decision = decide(recorded(tmp_path / "run", Scene()))
    models = [c.model for c in decision.candidates]
    assert len(models) == len(set(models))
    assert {r.model for r in RACERS} < set(models)
    assert models[0] == decision.winner
    assert decision[decision.winner].status is Status.WINNER
    order = [list(Status).index(c.status) for c in decision.candidates]
    assert order == sorted(order)


def test_of_equals_the_much_cheaper_one_wins(tmp_path: Path) -> None:
    twin = replace(RACERS[0], model="twin", latency=0.5 * RACERS[0].latency)
    decision = decide(recorded(tmp_path / "run", Scene(racers=(RACERS[0], twin))))
    assert decision.winner == "twin"
    assert set(decision.tied) == {"twin", RACERS[0].model}


def test_of_equals_a_slightly_cheaper_one_does_not(tmp_path: Path) -> None:
    twin = replace(RACERS[0], model="twin", latency=0.9 * RACERS[0].latency)
    decision = decide(recorded(tmp_path / "run", Scene(racers=(RACERS[0], twin))))
    assert decision.winner == decision.leader


def test_a_clearly_better_model_wins_at_any_latency(tmp_path: Path) -> None:
    good = replace(RACERS[0], floor=0.02, fall=1.0, latency=50.0)
    bad = replace(RACERS[1], floor=0.3, fall=2.0, latency=0.1)
    decision = decide(recorded(tmp_path / "run", Scene(racers=(good, bad))))
    assert decision.winner == good.model
    assert decision[bad.model].status is Status.WORSE
    comparison = decision[bad.model].against_leader
    assert comparison is not None
    assert comparison.separable
    assert comparison.difference > 0.1


def test_failed_and_excluded_models_are_listed_with_their_reason(tmp_path: Path) -> None:
    table = recorded(tmp_path / "run", Scene())
    failed, excluded = RACERS[1].model, RACERS[2].model
    stage = {"stage": "race", "fraction": 0.125}
    table.append(
        [
            Measurement(subject=failed, metric="trial_failed", value=1.0, note="The loss is nan.", conditions=stage),
            Measurement(subject=excluded, metric="excluded", value=1.0, note="latency 9 ms > 5 ms"),
        ]
    )
    decision = decide(table)
    assert (decision[failed].status, decision[failed].note) == (Status.FAILED, "The loss is nan.")
    assert decision.winner not in {failed}


def test_nothing_trained_is_an_error(tmp_path: Path) -> None:
    table = Measurements(tmp_path / "empty.sqlite")
    table.append([Measurement(subject="data", metric="train_images", value=100)])
    with pytest.raises(TrainingError, match=r"^Nothing was trained to the end, so there is nothing to decide on"):
        decide(table)


def test_the_reasons_are_three_and_carry_the_numbers_of_the_table(tmp_path: Path) -> None:
    decision = decide(recorded(tmp_path / "run", Scene()))
    winner = decision[decision.winner]
    assert winner.accuracy is not None
    assert winner.expected is not None
    accuracy, cost, data = reasons(decision)
    assert f"{100 * winner.accuracy.value:.1f} %" in accuracy
    assert f"{winner.cost.latency:.2f} ms an image on one thread and has" in cost
    assert f"{100 * winner.expected.mean:.1f} %" in data
    assert decision.runner_up is not None
    assert decision.runner_up in advice(decision)
