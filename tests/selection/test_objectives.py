"""Another objective than accuracy, and another cost than latency, from the request to the decision."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from anmok.backbone import Kind
from anmok.errors import RequestError
from anmok.evaluation.measurements import Measurement, Measurements, Outcome
from anmok.evaluation.objective import Goal, Objective
from anmok.selection.decide import Decision, conclude, decide
from anmok.selection.evidence import Evidence, Finished, read_evidence
from anmok.selection.leaderboard import leaderboard
from anmok.selection.material import Material
from anmok.selection.objectives import (
    Wish,
    make_wish,
    read_objective,
    read_preference,
    read_test,
    request_rows,
    with_scores,
)
from anmok.selection.plan import Cost
from anmok.selection.preference import Preference
from anmok.selection.prospects import prospects
from anmok.selection.reasons import advice, reasons
from anmok.selection.request import Request
from anmok.training.recipe import Precision
from recorded_run import RACERS, Scene, build_run

CLASSES = ("cat", "dog", "owl")
COSTS = "true,predicted,cost\ncat,,9\ncat,dog,2\n"
N = 600


def cost(latency: float = 1.0, **others: Any) -> Cost:
    given = {"params": 1_000_000, "macs": 10_000_000, "memory": 5.0, "seconds_per_image": 1e-3, "energy": 6.0} | others
    return Cost(kind=Kind.CNN, latency=latency, precision=Precision.FP32, **given)


def outcome(recall: tuple[float, ...], seed: int) -> Outcome:
    """80 % cats, 10 % dogs and owls each; a class has this share of right answers."""
    labels = np.repeat([0, 1, 2], [480, 60, 60]).astype(np.int32)
    right = np.random.default_rng(seed).random(N) < np.array(recall)[labels]
    predicted = np.where(right, labels, (labels + 1) % 3).astype(np.int32)
    one = np.ones(N, np.float32)
    return Outcome(
        subject="a", split="select", conditions={}, ids=np.arange(N, dtype=np.int32), labels=labels,
        predicted=predicted, confidence=one, true_probability=one, rank=np.where(right, 0, 1).astype(np.int32),
    )  # fmt: skip


def raced(objective: Objective, costs: dict[str, Cost], preference: Preference = Preference.LATENCY) -> Decision:
    """`frequent` is good at what is frequent, `even` at all classes alike."""
    recalls = {"frequent": (0.98, 0.35, 0.35), "even": (0.78, 0.78, 0.78)}
    finished = []
    for seed, (model, recall) in enumerate(recalls.items()):
        for fraction, share in ((0.25, 0.9), (0.5, 0.95), (1.0, 1.0)):
            found = outcome(tuple(share * r for r in recall), seed)
            judged = None if objective.is_accuracy else objective.contributions(found)
            finished.append(
                Finished(
                    model=model, fraction=fraction, images=int(2000 * fraction), seed=0, seconds=1.0,
                    correct=found.correct, contributions=judged,
                )
            )  # fmt: skip
    return conclude(
        Evidence(train_images=2000, finished=tuple(finished), costs=costs, objective=objective, preference=preference)
    )


@pytest.mark.parametrize(
    ("objective", "winner"),
    [
        (Objective(), "frequent"),
        (Objective(Goal.BALANCED_ACCURACY), "even"),
        (Objective(Goal.MACRO_F1), "even"),
    ],
)
def test_the_objective_decides(objective: Objective, winner: str) -> None:
    decision = raced(objective, {"frequent": cost(), "even": cost()})
    assert decision.winner == winner
    chosen = decision[winner]
    assert chosen.score is not None
    assert chosen.accuracy is not None
    assert (chosen.score == chosen.accuracy) is objective.is_accuracy
    board = leaderboard(decision)
    assert board["objective"].unique().to_list() == [objective.title]
    assert board["score"][0] == chosen.score.value
    assert board["accuracy"][0] == chosen.accuracy.value


def test_every_sentence_names_the_objective() -> None:
    decision = raced(Objective(Goal.MACRO_F1), {"frequent": cost(), "even": cost()})
    said = dict(prospects(decision))
    for sentence in (*reasons(decision)[::2], said["Certainty"], said["More images"], advice(decision)):
        assert "macro-F1" in sentence
        assert "accura" not in sentence


@pytest.mark.parametrize(
    ("preference", "cheaper", "phrase"),
    [
        (Preference.LATENCY, {"latency": 0.5}, "0.5 times the latency of"),
        (Preference.PARAMS, {"params": 500_000}, "0.5 times the number of parameters of"),
        (Preference.MEMORY, {"memory": 2.5}, "0.5 times the memory of"),
        (Preference.TRAINING, {"seconds_per_image": 5e-4}, "0.5 times the training time of"),
        (Preference.ENERGY, {"energy": 3.0}, "0.5 times the energy of"),
    ],
)
def test_of_tied_models_the_preferred_cost_decides(
    preference: Preference, cheaper: dict[str, float], phrase: str, tmp_path: Path
) -> None:
    table = build_run(tmp_path / "run", Scene(racers=(RACERS[0], replace(RACERS[0], model="even")), final=False))
    evidence = replace(read_evidence(table.measurements), preference=preference)
    leader = conclude(evidence).leader
    (other,) = {"even", RACERS[0].model} - {leader}
    twins = {**evidence.costs, leader: cost(), other: cost(**cheaper)}
    decision = conclude(replace(evidence, costs=twins))
    assert (decision.winner, decision.leader) == (other, leader)
    assert phrase in reasons(decision)[1]
    others = [p for p in Preference if p is not preference]
    assert all(conclude(replace(evidence, costs=twins, preference=p)).winner == leader for p in others)


def test_what_was_asked_stands_in_the_table(tmp_path: Path) -> None:
    table = Measurements(tmp_path / "measurements.sqlite")
    assert (read_objective(table), read_preference(table)) == (Objective(), Preference.LATENCY)
    assert request_rows(Request(data="photos"), CLASSES) == []
    names = [Measurement(subject="data", metric="class", value=i, note=name) for i, name in enumerate(CLASSES)]
    request = Request(data="photos", costs=COSTS, prefer="memory")
    table.append([*names[::-1], *request_rows(request, CLASSES)])
    assert read_preference(table) is Preference.MEMORY
    asked = read_objective(table)
    assert (asked.goal, asked.classes) == (Goal.AVOIDED_COST, CLASSES)
    assert [tuple(c) for c in asked.costs] == [("cat", "", 9.0), ("cat", "dog", 2.0)]


def test_a_training_has_its_score_beside_its_accuracy(tmp_path: Path) -> None:
    found = outcome((0.5, 0.5, 0.5), 0)
    row = Measurement(subject="a", metric="select_accuracy", value=0.5, n=N, conditions={"images": 9})
    assert with_scores([row], [found], Objective()) == (row,)
    wish = make_wish(None, _written(tmp_path), None, CLASSES)
    table = Measurements(tmp_path / "measurements.sqlite")
    names = [Measurement(subject="data", metric="class", value=i, note=name) for i, name in enumerate(CLASSES)]
    table.append([*names, *request_rows(Request(data="photos", costs=wish.costs), CLASSES)])
    first, score = with_scores([row], [found], read_objective(table))
    assert first == row
    assert (score.metric, score.n, score.conditions["images"]) == ("select_score", N, 9)
    errors = np.bincount(found.labels[~found.correct], minlength=3)
    assert score.note == f"errors cost {(2 * errors[0] + errors[1:].sum()) / N:.3g} an image on the mean"
    assert score.value == pytest.approx(1 - (2 * errors[0] + errors[1:].sum()) / (9 * 480 + 120))
    tested = replace(row, metric="test_accuracy")
    table.append([tested, replace(score, metric="test_score")])
    assert read_test(table).metric == "test_score"


def test_a_recorded_race_is_decided_by_what_its_table_asks_for(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run", Scene(final=False))
    plain = decide(run.measurements)
    run.measurements.append(request_rows(Request(data="photos", objective="macro-f1"), [*CLASSES, "rat"]))
    decision = decide(run.measurements)
    assert decision.objective == Objective(Goal.MACRO_F1)
    assert [c.accuracy for c in plain.candidates if c.model == "cmt_nano"] == [decision["cmt_nano"].accuracy]
    assert decision["cmt_nano"].score != decision["cmt_nano"].accuracy


def _written(folder: Path) -> Path:
    (folder / "costs.csv").write_text(COSTS)
    return folder / "costs.csv"


def test_a_wish_for_the_usual_is_none(tmp_path: Path) -> None:
    assert make_wish("accuracy", None, "latency", CLASSES) == Wish(None, None, None)
    assert make_wish("macro-f1", None, "params", CLASSES) == Wish("macro-f1", None, "params")
    assert make_wish(None, _written(tmp_path), None, CLASSES) == Wish(None, COSTS, None)


@pytest.mark.parametrize(
    ("objective", "prefer", "message"),
    [
        ("f1", None, r"^--objective takes accuracy, balanced-accuracy, macro-f1 or top5: got 'f1'\.$"),
        ("avoided-cost", None, r"^--objective takes .*: got 'avoided-cost'\.$"),
        (None, "size", r"^--prefer takes latency, params, memory, training or energy: got 'size'\.$"),
        ("top5", None, r"^--objective top5 needs more than 5 classes: with 3 every answer is among the first 5\."),
    ],
)
def test_a_wish_that_cannot_be_is_refused(objective: str | None, prefer: str | None, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        make_wish(objective, None, prefer, CLASSES)


@pytest.mark.parametrize("objective", ["accuracy", "macro-f1"])
def test_an_objective_and_costs_are_one_too_many(objective: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=rf"^--costs is an objective of its own: got --objective {objective} too\."):
        make_wish(objective, _written(tmp_path), None, CLASSES)


def test_other_costs_are_another_request() -> None:
    request = Request(data="photos", costs=COSTS)
    (difference,) = request.differences(replace(request, costs=COSTS.replace("9", "8")))
    assert difference.startswith("costs 2 rows (")
    assert "\n" not in difference


def test_the_rank_is_the_number_of_classes_that_come_before() -> None:
    """Of equally probable classes the first is the answer, so that only rank 0 is right."""
    probabilities = np.array([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.4, 0.4, 0.2]], np.float32)
    splits = pl.DataFrame({"split": ["select"] * 4})
    labels = np.array([0, 0, 0, 1], np.int32)
    pixels = np.zeros((4, 3, 1, 1), np.uint8)
    material = Material(pixels=pixels, labels=labels, splits=splits, classes=CLASSES, mean=(0.0,), std=(1.0,))
    found = material.outcome("a", "select", probabilities)
    assert found.rank is not None
    assert found.rank.tolist() == [0, 2, 0, 1]
    np.testing.assert_array_equal(found.correct, found.rank == 0)
