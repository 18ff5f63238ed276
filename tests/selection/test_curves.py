import numpy as np
import pytest

from anmok.selection.curves import CurvePoint, LearningCurve, chance_near_best


def points(a: float, b: float, c: float, sizes: tuple[int, ...] = (200, 400, 800, 1600, 3200)) -> list[CurvePoint]:
    return [CurvePoint(images=n, accuracy=1 - c - a * n**-b, measured_on=100_000) for n in sizes]


@pytest.mark.parametrize(("a", "b", "c"), [(2.0, 0.3, 0.0), (3.0, 0.5, 0.05), (1.5, 0.2, 0.0)])
def test_an_exact_power_law_is_continued(a: float, b: float, c: float) -> None:
    expected = LearningCurve(points(a, b, c), seed=0).expect(6400)
    truth = 1 - c - a * 6400**-b
    assert expected.low - 0.005 <= truth <= expected.high + 0.005
    assert expected.mean == pytest.approx(truth, abs=0.02)


def test_the_interval_narrows_with_every_point() -> None:
    seen = points(2.0, 0.3, 0.0)
    widths = [e.high - e.low for e in (LearningCurve(seen[:k], seed=0).expect(6400) for k in (1, 3, 5))]
    assert widths[0] > widths[1] > widths[2]


def test_accuracy_never_falls_with_more_images_and_stays_a_share() -> None:
    curve = LearningCurve([CurvePoint(images=200, accuracy=0.6, measured_on=50)], seed=0)
    means = [curve.expect(n).mean for n in (200, 400, 800, 1600, 100_000)]
    assert means == sorted(means)
    assert 0 <= curve.draws(10**9).min() <= curve.draws(10**9).max() <= 1


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_extreme_accuracies_are_taken(accuracy: float) -> None:
    expected = LearningCurve([CurvePoint(images=100, accuracy=accuracy, measured_on=50)], seed=0).expect(800)
    assert 0 <= expected.low <= expected.mean <= expected.high <= 1


def test_a_curve_that_gets_worse_is_still_read() -> None:
    seen = [CurvePoint(images=n, accuracy=a, measured_on=100) for n, a in ((100, 0.7), (200, 0.6), (400, 0.65))]
    assert 0.4 < LearningCurve(seen, seed=0).expect(800).mean < 0.9


def test_the_same_points_give_the_same_draws() -> None:
    first, second = (LearningCurve(points(2.0, 0.3, 0.0), seed=3).draws(6400) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_80_percent_intervals_cover_about_80_percent() -> None:
    random = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        b, c = max(0.1, random.normal(0.35, 0.12)), random.uniform(0, 0.1)
        a = random.uniform(0.5, 0.8) * 200**b
        seen = []
        for n in (200, 400, 800):
            truth = 1 - c - a * n**-b + random.normal(0, 0.008)
            seen.append(
                CurvePoint(images=n, accuracy=random.binomial(800, np.clip(truth, 0, 1)) / 800, measured_on=800)
            )
        expected = LearningCurve(seen, seed=trial).expect(3200)
        hits += expected.low <= 1 - c - a * 3200**-b <= expected.high
    assert 0.7 <= hits / 200 <= 0.95


def test_a_late_starter_is_not_dropped_and_a_hopeless_one_is() -> None:
    curves = {
        "early": LearningCurve(points(0.9, 0.15, 0.0, (200, 400, 800)), seed=0),
        "late": LearningCurve(points(6.0, 0.45, 0.0, (200, 400, 800)), seed=1),
        "hopeless": LearningCurve(points(0.9, 0.05, 0.0, (200, 400, 800)), seed=2),
    }
    chances = chance_near_best(curves, 3200, within=0.01)
    assert chances["late"] > 0.9
    assert chances["hopeless"] < 0.05
