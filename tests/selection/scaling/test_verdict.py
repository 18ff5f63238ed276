"""What follows from recorded tables."""

from pathlib import Path

import numpy as np
import pytest

from anmok.backbone import Scaling
from anmok.catalogue.scaling import UNSCALED
from anmok.errors import TrainingError
from anmok.evaluation.measurements import Measurement, Measurements, Outcome
from anmok.selection.scaling.grid import Axis, Triple
from anmok.selection.scaling.records import STAGE, factors, read_finished, read_triples, triple_rows
from anmok.selection.scaling.verdict import Standing, conclusions, judge
from anmok.selection.trial import ACCURACY, FAILED, SECONDS

IMAGES = 400
DEPTH, WIDTH, COMPOUND, LATE = (
    Scaling(2.0, 1.0, 1.0), Scaling(1.0, 1.4, 1.0), Scaling(1.2, 1.1, 1.15), Scaling(1.1, 1.1, 1.25)
)  # fmt: skip


def triple(scaling: Scaling, axis: Axis, macs: int) -> Triple:
    return Triple(scaling=scaling, axis=axis, image_size=32, params=macs // 2, macs=macs, ratio=macs / 1000)


TRIPLES = [
    triple(UNSCALED, Axis.NONE, 1000),
    triple(DEPTH, Axis.DEPTH, 2100),
    triple(WIDTH, Axis.WIDTH, 1950),
    triple(COMPOUND, Axis.COMPOUND, 2000),
    triple(LATE, Axis.COMPOUND, 2050),
]


def record(table: Measurements, scaling: Scaling, right: int, *, first: int = 0) -> None:
    """A trial that answered `right` images right, from the image `first` on."""
    correct = np.isin(np.arange(IMAGES), (first + np.arange(right)) % IMAGES)
    where = {"stage": STAGE} | factors(scaling)
    table.append(
        [
            Measurement(subject="m", metric=ACCURACY, value=right / IMAGES, n=IMAGES, conditions=where),
            Measurement(subject="m", metric=SECONDS, value=5.0, conditions=where),
        ],
        [
            Outcome(
                subject="m", split="select", conditions=where, ids=np.arange(IMAGES, dtype=np.int32),
                labels=np.ones(IMAGES, np.int32), predicted=correct.astype(np.int32),
                confidence=np.ones(IMAGES, np.float32), true_probability=np.ones(IMAGES, np.float32),
            )
        ],
    )  # fmt: skip


@pytest.fixture
def table(tmp_path: Path) -> Measurements:
    found = Measurements(tmp_path / "t.sqlite")
    found.append(triple_rows("m", TRIPLES))
    return found


def test_triples_come_back_as_they_were(table: Measurements) -> None:
    assert read_triples(table) == TRIPLES


def test_the_best_its_equals_and_the_worse_are_told_apart(table: Measurements) -> None:
    record(table, UNSCALED, 200)
    record(table, COMPOUND, 340)
    record(table, WIDTH, 335, first=2)
    record(table, DEPTH, 260)
    verdict = judge(table)
    assert [p.standing for p in verdict.placed] == [
        Standing.BEST, Standing.TIED, Standing.WORSE, Standing.BASE, Standing.UNTRAINED
    ]  # fmt: skip
    assert verdict.best.scaling == COMPOUND
    assert [t.scaling for t in verdict.tied] == [WIDTH]
    assert dict(verdict.claims).keys() == {Axis.WIDTH, Axis.DEPTH}
    assert dict(verdict.claims)[Axis.DEPTH].difference == pytest.approx(0.2)
    assert verdict.code == 'anmok.scale("m", phi=1, alpha=1.2, beta=1.1, gamma=1.15)'


def test_of_equal_accuracies_the_cheaper_is_best(table: Measurements) -> None:
    record(table, DEPTH, 300)
    record(table, WIDTH, 300)
    assert judge(table).best.scaling == WIDTH
    assert judge(table).claims == ()


def test_the_table_has_a_row_for_every_triple_and_the_sentences_its_numbers(table: Measurements) -> None:
    record(table, UNSCALED, 200)
    record(table, COMPOUND, 340)
    record(table, WIDTH, 335, first=2)
    where = {"stage": STAGE} | factors(DEPTH)
    table.append([Measurement(subject="m", metric=FAILED, value=1.0, note="The loss is nan.", conditions=where)])
    verdict = judge(table)
    frame = verdict.table
    assert frame.height == len(TRIPLES)
    assert frame.row(0, named=True) | {"low": 0, "high": 0} == {
        "alpha": 1.2, "beta": 1.1, "gamma": 1.15, "axis": "compound", "standing": "best", "image_size": 32,
        "params": 1000, "macs": 2000, "macs_ratio": 2.0, "accuracy": 0.85, "low": 0, "high": 0,
        "train_seconds": 5.0, "note": "",
    }  # fmt: skip
    assert frame.filter(frame["standing"] == "failed")["note"].to_list() == ["The loss is nan."]
    said = conclusions(verdict)
    assert said[0].startswith("The most accurate of the triples (alpha, beta, gamma) is (1.2, 1.1, 1.15): 85.0 % [")
    assert said[1] == "These images cannot tell from it: (1, 1.4, 1)."
    assert said[2].startswith("The best compound triple minus width only: +1.2 points [")
    assert said[2].endswith("not to be told from chance.")


def test_a_failed_trial_is_finished_and_alone_decides_nothing(table: Measurements) -> None:
    record(table, UNSCALED, 200)
    where = {"stage": STAGE} | factors(DEPTH)
    table.append([Measurement(subject="m", metric=FAILED, value=1.0, note="The loss is nan.", conditions=where)])
    assert read_finished(table) == {UNSCALED, DEPTH}
    with pytest.raises(TrainingError, match=r"^No scaled network was trained to the end: raise --budget, or see log"):
        judge(table)
