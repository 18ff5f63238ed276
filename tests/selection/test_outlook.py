"""What would change the answer, on recorded tables."""

from dataclasses import replace
from pathlib import Path

import pytest

from anmok.backbone import Kind
from anmok.evaluation.measurements import Measurement
from anmok.selection.decide import Decision, decide
from anmok.selection.evidence import PRIOR
from anmok.selection.outlook import FARTHEST
from anmok.selection.prospects import optimism, prospects
from recorded_run import RACERS, Racer, Scene, build_run


@pytest.fixture(scope="module")
def decision(tmp_path_factory: pytest.TempPathFactory) -> Decision:
    table = build_run(tmp_path_factory.mktemp("usual") / "run", Scene(final=False)).measurements
    prior = Measurement(subject="swin_tiny", metric=PRIOR, value=0.05, low=0.02, high=0.08)
    table.append([prior])
    return decide(table)


def test_more_images_promise_more_with_a_wider_interval(decision: Decision) -> None:
    now = decision[decision.winner].expected
    twice, four = decision.outlook.more_images
    assert now is not None
    assert (twice.images, four.images) == (2 * decision.train_images, 4 * decision.train_images)
    assert now.mean < twice.mean < four.mean


def test_the_best_excluded_model_is_named_with_the_limit_it_breaks(decision: Decision) -> None:
    out = decision.outlook.excluded
    assert out is not None
    assert (out.model, out.limit) == ("swin_tiny", "latency 41 ms > 4 ms")
    assert out.expected.mean > 0.5
    assert "Without its limit (latency 41 ms > 4 ms), swin_tiny could be taken" in dict(prospects(decision))["Limits"]


def test_without_experience_nothing_is_promised_of_an_excluded_model(tmp_path: Path) -> None:
    outlook = decide(build_run(tmp_path / "run", Scene(final=False, racers=RACERS[:2])).measurements).outlook
    assert outlook.excluded is None


def test_a_late_transformer_overtakes_and_a_flat_one_does_not(tmp_path: Path) -> None:
    cnn = Racer("resnet_nano", Kind.CNN, 0.05, 0.9, 0.2, 1.0, 1e6)
    late = Racer("vit_nano", Kind.TRANSFORMER, 0.0, 9.0, 0.5, 1.0, 1e6)
    flat = replace(late, floor=0.5, fall=0.6, exponent=0.3)
    found = {}
    for name, rival in (("late", late), ("flat", flat)):
        scene = Scene(final=False, racers=(cnn, rival), sizes={"train": 640, "select": 800, "test": 10})
        decision = decide(build_run(tmp_path / name, scene).measurements)
        found[name] = decision.outlook.crossing
        assert "Crossing" in dict(prospects(decision))
    crossing = found["late"]
    assert crossing is not None
    assert (crossing.cnn, crossing.rival) == ("resnet_nano", "vit_nano")
    assert crossing.images is not None
    assert 640 <= crossing.images <= 640 * FARTHEST
    assert found["flat"] is not None
    assert found["flat"].chance < crossing.chance


def test_without_a_rival_there_is_no_crossing(tmp_path: Path) -> None:
    cnns = tuple(replace(racer, kind=Kind.CNN) for racer in RACERS[:2])
    assert decide(build_run(tmp_path / "run", Scene(final=False, racers=cnns)).measurements).outlook.crossing is None


def test_the_claim_and_the_optimism_carry_their_numbers(decision: Decision) -> None:
    said = dict(prospects(decision))
    assert f"probability of {decision.chance:.0%}" in said["Certainty"]
    winner = decision[decision.winner]
    assert winner.accuracy is not None
    test = Measurement(
        subject=decision.winner,
        metric="test_accuracy",
        value=winner.accuracy.value - 0.02,
        conditions={"images": 800},
    )
    assert optimism(decision, test).endswith("+2.0 points.")
