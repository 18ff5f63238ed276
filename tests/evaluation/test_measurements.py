from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anmok.evaluation.measurements import Measurement, Measurements, Outcome


@pytest.fixture
def table(tmp_path: Path) -> Measurements:
    return Measurements(tmp_path / "measurements.sqlite")


def outcome(subject: str = "a", n: int = 5) -> Outcome:
    random = np.random.default_rng(n)
    return Outcome(
        subject=subject,
        split="select",
        conditions={"fraction": 0.5},
        ids=np.arange(n, dtype=np.int32),
        labels=np.arange(n, dtype=np.int32) % 3,
        predicted=np.zeros(n, np.int32),
        confidence=random.random(n, np.float32),
        true_probability=random.random(n, np.float32),
    )


def test_rows_come_back_as_they_were(table: Measurements) -> None:
    row = Measurement(
        subject="a",
        metric="latency",
        value=1.5,
        unit="ms",
        low=1.0,
        high=2.0,
        n=7,
        seed=3,
        conditions={"batch": 1},
        note="x",
    )
    table.append([row])
    assert table.rows() == [row]


def test_rows_are_found_by_metric_and_subject(table: Measurements) -> None:
    rows = [Measurement(subject=s, metric=m, value=1.0) for s in "ab" for m in ("p", "q")]
    table.append(rows)
    assert table.rows(metric="p", subject="b") == [rows[2]]
    assert table.rows(subject="a") == rows[:2]


def test_outcomes_come_back_as_they_were(table: Measurements) -> None:
    table.append(outcomes=[outcome("a"), outcome("b", 9)])
    (found,) = table.outcomes(subject="b")
    for name in ("ids", "labels", "predicted", "confidence", "true_probability"):
        np.testing.assert_array_equal(getattr(found, name), getattr(outcome("b", 9), name))
    np.testing.assert_array_equal(found.correct, found.labels == 0)
    assert len(table.outcomes(split="test")) == 0


def test_ranks_come_back_and_old_outcomes_have_none(table: Measurements) -> None:
    ranked = replace(outcome("a"), rank=np.arange(5, dtype=np.int32))
    table.append(outcomes=[ranked, outcome("b")])
    new, old = table.outcomes()
    np.testing.assert_array_equal(new.rank, ranked.rank)
    assert old.rank is None


def test_an_append_that_fails_leaves_nothing(table: Measurements) -> None:
    good = Measurement(subject="a", metric="p", value=1.0)
    too_large_for_sqlite = Measurement(subject="a", metric="p", value=1.0, n=2**70)
    with pytest.raises(OverflowError):
        table.append([good, too_large_for_sqlite])
    assert table.rows() == []


def test_the_frame_says_where_each_row_was_measured(table: Measurements) -> None:
    table.append([Measurement(subject="a", metric="p", value=float("nan"))])
    frame = table.frame()
    assert frame["subject"].to_list() == ["a"]
    assert frame["value"].to_list() == [None]
    assert "torch" in frame["versions"][0]
    assert "cores" in frame["hardware"][0]
    assert np.isnan(table.rows()[0].value)
