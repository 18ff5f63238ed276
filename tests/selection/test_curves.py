"""Extrapolation against laws that are known."""

from dataclasses import replace

import numpy as np
import pytest

from anmok.selection.curves import NOISE, CurvePoint, Hearsay, LearningCurve, training_variance, weigh
from anmok.selection.families import SHAPES

N = 3200


def points(law, sizes=(200, 400, 800, 1600)) -> list[CurvePoint]:
    return [CurvePoint(images=n, accuracy=float(1 - law(n)), measured_on=100_000) for n in sizes]


LAWS = {
    "power": lambda n: 3.0 * n**-0.35,
    "power with a floor": lambda n: 0.05 + 3.0 * n**-0.5,
    "stretched exponential": lambda n: 0.1 + 0.6 * np.exp(-((n / 1000) ** 0.7)),
    "logistic": lambda n: 0.8 / (1 + (n / 1500) ** 0.8),
}


def test_each_family_has_a_third_of_the_prior_and_passes_through_the_reference() -> None:
    assert [SHAPES.prior[SHAPES.family == f].sum() for f in range(3)] == pytest.approx([1 / 3] * 3)
    np.testing.assert_allclose(SHAPES.ratios(np.ones(1)), 1.0)
    ratios = SHAPES.ratios(np.geomspace(1 / 64, 100, 30))
    assert (np.diff(ratios, axis=1) <= 0).all()  # no law has the error rise with more images


@pytest.mark.parametrize("law", LAWS.values(), ids=list(LAWS))
def test_a_law_of_each_family_is_continued(law) -> None:
    expected = LearningCurve(points(law), N, seed=0).expect(N)
    assert expected.low <= 1 - law(N) <= expected.high
    assert expected.mean == pytest.approx(1 - law(N), abs=0.05)


def test_the_interval_narrows_with_every_point_and_widens_beyond_them() -> None:
    seen = points(LAWS["power"])
    curves = [LearningCurve(seen[:k], N, seed=0) for k in (1, 2, 4)]
    widths = [e.high - e.low for e in (curve.expect(N) for curve in curves)]
    assert widths == sorted(widths, reverse=True)
    ahead = [curves[-1].expect(times * N) for times in (1, 2, 4, 16)]
    spreads = [e.high - e.low for e in ahead]
    assert spreads == sorted(spreads)


def test_another_seed_on_the_same_images_is_a_point_of_its_own() -> None:
    once = (CurvePoint(images=400, accuracy=0.6, measured_on=300),)
    variances = [weigh(once * k, 400, Hearsay()).variance for k in (1, 2, 4)]
    assert variances[1] == pytest.approx(variances[0] / 2, rel=0.1)
    assert variances[2] == pytest.approx(variances[0] / 4, rel=0.1)


def test_seeds_differ_less_the_more_images_they_share() -> None:
    variances = [NOISE.seed(n, N) for n in (N / 16, N / 8, N / 4, N / 2, N)]
    assert variances == sorted(variances, reverse=True)
    assert variances[-1] == NOISE.order**2
    assert NOISE.seed(10 * N, N) == NOISE.order**2
    assert NOISE.seed(100, 400) == pytest.approx(NOISE.order**2 + NOISE.sampling**2 * (1 / 100 - 1 / 400) ** 0.5)


def test_a_curve_that_falls_is_read_with_a_wider_interval() -> None:
    def width(*accuracies: float) -> float:
        seen = [
            CurvePoint(images=n, accuracy=a, measured_on=1000) for n, a in zip((200, 400, 800), accuracies, strict=True)
        ]
        expected = LearningCurve(seen, N, seed=0).expect(N)
        assert 0.5 < expected.mean < 0.9
        return expected.high - expected.low

    assert width(0.7, 0.55, 0.65) > 1.2 * width(0.6, 0.63, 0.66)


def test_scatter_on_few_images_hardly_takes_from_what_was_measured_on_all() -> None:
    seen = [CurvePoint(images=n, accuracy=a, measured_on=192) for n, a in ((N // 8, 0.55), (N // 8, 0.33), (N, 0.89))]
    expected = LearningCurve(seen, N, seed=0).expect(N)
    assert expected.mean > 0.82
    assert expected.high >= 0.87


def test_what_is_believed_before_fades_with_every_point() -> None:
    before = Hearsay(mean=0.9, sd=0.03)
    seen = [CurvePoint(images=n, accuracy=0.6, measured_on=1000) for n in (800, 1600, 3200)]
    means = [LearningCurve(seen[:k], N, seed=0, before=before).expect(N).mean for k in range(4)]
    assert means == sorted(means, reverse=True)
    assert means[0] == pytest.approx(0.9, abs=0.01)
    assert means[3] < 0.7


def test_accuracy_never_falls_with_more_images_and_stays_a_share() -> None:
    curve = LearningCurve([CurvePoint(images=200, accuracy=0.6, measured_on=50)], N, seed=0)
    means = [curve.expect(n).mean for n in (200, 400, 800, 1600)]
    assert means == sorted(means)
    assert 0 <= curve.draws(10**9).min() <= curve.draws(10**9).max() <= 1


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_extreme_accuracies_are_taken(accuracy: float) -> None:
    expected = LearningCurve([CurvePoint(images=100, accuracy=accuracy, measured_on=50)], 800, seed=0).expect(800)
    assert 0 <= expected.low <= expected.mean <= expected.high <= 1


def test_the_same_points_give_the_same_draws() -> None:
    first, second = (LearningCurve(points(LAWS["power"]), N, seed=3).draws(2 * N) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_80_percent_intervals_cover_about_80_percent() -> None:
    """Curves as they were recorded: logit(accuracy) rises by 1.2 +- 0.4 over four doublings, seeds scatter."""
    random, hits = np.random.default_rng(0), []
    for trial in range(150):
        end, rise, easy = random.uniform(-0.5, 2.0), random.normal(1.2, 0.4), random.normal(0, 0.03)

        def share(n: int, end: float = end, rise: float = rise) -> float:
            return float(1 / (1 + np.exp(-end - rise / 4 * np.log2(n / 1600))))

        seen = [
            CurvePoint(images=n, accuracy=share(n) + easy * 0.7 + random.normal(0.013, 0.025), measured_on=300)
            for n in (200, 400, 800)
        ]
        expected = LearningCurve(seen, 1600, seed=trial).expect(1600)
        hits.append(expected.low <= share(1600) <= expected.high)
    assert 0.75 <= np.mean(hits) <= 0.95


def test_an_objective_that_varies_more_makes_points_and_promises_less_certain() -> None:
    seen = [CurvePoint(images=n, accuracy=a, measured_on=500) for n, a in ((200, 0.5), (800, 0.7))]
    varied = [replace(point, dispersion=4.0) for point in seen]
    usual, wide = (LearningCurve(points, N, seed=0).expect(N) for points in (seen, varied))
    assert training_variance(varied[0], N) == pytest.approx(4 * training_variance(seen[0], N))
    assert wide.high - wide.low > 1.3 * (usual.high - usual.low)
