"""A run that was stopped goes on; nothing is run twice."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from anmok.claims import Claim, Contrast, Records, run_claim
from anmok.errors import RequestError


@dataclass
class Counted:
    """An arm that answers its seed, keeps a file where it teaches, and may be stopped."""

    log: list[str]
    name: str
    teacher: str = ""
    stops: set[str] = field(default_factory=set)

    def run(self, situation, keep):
        if self.name + situation.replicate in self.stops:
            raise KeyboardInterrupt
        self.log.append(self.name + situation.replicate)
        if self.teacher:
            assert situation.weights(self.teacher).read_text() == self.teacher
        if keep is not None:
            keep.parent.mkdir(parents=True, exist_ok=True)
            keep.write_text(self.name)
        return {"x": float(situation.seed) * (2 if self.name == "b" else 1)}


def make_claim(log: list[str], *, teacher: str = "", stops: tuple[str, ...] = ()) -> Claim:
    arms = {"a": Counted(log, "a", "", set(stops)), "b": Counted(log, "b", teacher, set(stops))}
    contrasts = (Contrast(text="b - a", plus=("b",), minus=("a",), quantity="x"),)
    return Claim(name="c", hypothesis="h", source="s", protocol="p", contrasts=contrasts, arms=lambda scale: arms)


def test_a_stopped_run_goes_on(tmp_path: Path):
    path, log = tmp_path / "records.jsonl", []
    with pytest.raises(KeyboardInterrupt):
        run_claim(make_claim(log, stops=("b2",)), None, Records(path))
    assert log == ["a1", "b1", "a2"]
    path.write_text(path.read_text() + '{"claim": "c", "ar')  # killed while it wrote
    found = run_claim(make_claim(log), None, Records(path))
    assert log == ["a1", "b1", "a2", "b2", "a3", "b3"]
    assert found.interval(found.claim.contrasts[0]).values == (1, 2, 3)
    run_claim(make_claim(log), None, Records(path))
    assert len(log) == 6


def test_more_seeds_add_to_those_there_are(tmp_path: Path):
    log: list[str] = []
    run_claim(make_claim(log), None, Records(tmp_path / "r.jsonl"), seeds=2)
    found = run_claim(make_claim(log), None, Records(tmp_path / "r.jsonl"), seeds=3)
    assert log[4:] == ["a3", "b3"]
    assert list(found.replicates) == ["1", "2", "3"]


def test_another_scale_or_version_is_another_experiment(tmp_path: Path):
    log: list[str] = []
    records = Records(tmp_path / "r.jsonl")
    claim = make_claim(log)
    run_claim(claim, None, records, seeds=2)
    assert run_claim(claim, None, records, seeds=2, scale=2.0).scale == 2.0
    assert records.finding(replace(claim, version=2)) is None
    run_claim(replace(claim, version=2), None, records, seeds=2)
    assert len(log) == 12
    run_claim(replace(claim, trains=False), None, records, seeds=2, scale=3.0)  # a scale without meaning is 1
    assert len(log) == 12


def test_weights_of_a_teacher_that_are_gone_are_made_again(tmp_path: Path):
    log: list[str] = []
    path = tmp_path / "r.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run_claim(make_claim(log, teacher="a", stops=("b1",)), None, Records(path))
    for file in path.with_suffix(".weights").iterdir():
        file.unlink()
    run_claim(make_claim(log, teacher="a"), None, Records(path), seeds=2)
    assert log == ["a1", "a1", "b1", "a2", "b2"]


def test_a_teacher_whose_students_are_done_is_left_alone(tmp_path: Path):
    log: list[str] = []
    run_claim(make_claim(log, teacher="a"), None, Records(tmp_path / "r.jsonl"), seeds=2)
    for file in (tmp_path / "r.weights").iterdir():
        file.unlink()
    run_claim(make_claim(log, teacher="a"), None, Records(tmp_path / "r.jsonl"), seeds=2)
    assert len(log) == 4


def test_only_whole_replicates_count(tmp_path: Path):
    path, log = tmp_path / "r.jsonl", []
    with pytest.raises(KeyboardInterrupt):
        run_claim(make_claim(log, stops=("b2",)), None, Records(path))
    assert Records(path).finding(make_claim(log)) is None  # one alone has no interval


def test_every_arm_is_told(tmp_path: Path):
    told: list[tuple[int, int, str]] = []
    run_claim(make_claim([]), None, Records(tmp_path / "r.jsonl"), seeds=2, progress=lambda *done: told.append(done))
    assert told == [(0, 2, "c, seeds 1: a"), (0, 2, "c, seeds 1: b"), (1, 2, "c, seeds 2: a"), (1, 2, "c, seeds 2: b")]


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"scale": 0.0}, "--scale is positive: got 0. 1 is the protocol as it stands."),
        ({"seeds": 1}, "An interval takes at least two seeds: got 1. Choose 2 or more."),
    ],
)
def test_wishes_out_of_range(wish, sentence, tmp_path: Path):
    with pytest.raises(RequestError) as caught:
        run_claim(make_claim([]), None, Records(tmp_path / "r.jsonl"), **wish)
    assert str(caught.value) == sentence


def test_records_of_something_else(tmp_path: Path):
    (tmp_path / "r.jsonl").write_text("# notes\n")
    with pytest.raises(RequestError, match=r"Records are lines of JSON: '.*r.jsonl' holds others. Name another file"):
        Records(tmp_path / "r.jsonl")
