"""What models tell of each other."""

import pytest

from anmok.selection.belief import Belief
from anmok.selection.curves import CurvePoint

N = 1600


def curve(*accuracies: float, measured_on: int = 1000) -> list[CurvePoint]:
    sizes = (100, 200, 400, 800, 1600)[: len(accuracies)]
    return [CurvePoint(images=n, accuracy=a, measured_on=measured_on) for n, a in zip(sizes, accuracies, strict=True)]


STEEP, FLAT = (0.3, 0.45, 0.62, 0.76, 0.86), (0.55, 0.57, 0.6, 0.62, 0.65)


def mean(belief: Belief, model: str) -> float:
    return belief.curves[model].expect(N).mean


def test_a_short_curve_rises_as_those_of_the_others_did() -> None:
    short = {"short": curve(0.45)}
    steep = Belief(short | {f"m{i}": curve(*STEEP) for i in range(4)}, N)
    flat = Belief(short | {f"m{i}": curve(*FLAT) for i in range(4)}, N)
    assert mean(steep, "short") > mean(flat, "short") + 0.1


def test_an_unseen_model_is_expected_at_the_level_of_the_others_plus_what_experience_says() -> None:
    seen = {f"m{i}": curve(*FLAT) for i in range(4)}
    prior = {f"m{i}": (0.0, 0.02) for i in range(4)} | {"good": (0.1, 0.02), "bad": (-0.1, 0.02)}
    belief = Belief(seen, N, models=("good", "bad", "unknown"), prior=prior)
    assert mean(belief, "good") - mean(belief, "bad") == pytest.approx(0.2, abs=0.02)
    assert mean(belief, "unknown") == pytest.approx(mean(belief, "m0"), abs=0.04)
    widths = {m: e.high - e.low for m in ("good", "unknown") if (e := belief.curves[m].expect(N))}
    assert widths["good"] < widths["unknown"]


def test_a_late_starter_is_not_given_up_and_a_hopeless_one_is() -> None:
    seen = {"early": curve(0.6, 0.63, 0.66, 0.69), "late": curve(0.3, 0.43, 0.56, 0.68), "hopeless": curve(*FLAT[:4])}
    seen["hopeless"] = curve(0.2, 0.21, 0.22, 0.24)
    chances = Belief(seen, N).chances(0.01)
    assert chances["late"] > 0.5
    assert chances["hopeless"] < 0.01


def test_a_curve_does_not_depend_on_who_else_is_asked_about() -> None:
    seen = {"a": curve(*STEEP[:2]), "b": curve(*FLAT[:2])}
    alone, crowd = Belief(seen, N), Belief(seen, N, models=tuple("cdefg"))
    assert alone.curves["a"].expect(N) == crowd.curves["a"].expect(N)


def test_nothing_seen_is_no_error() -> None:
    chances = Belief({}, N, models=("a", "b")).chances(0.01)
    assert chances["a"] == pytest.approx(chances["b"], abs=0.05)
