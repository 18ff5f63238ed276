"""Objectives as means over images: exact, with the right variance."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anmok.errors import RunDirectoryError
from anmok.evaluation.error_costs import ErrorCost, cost_matrix
from anmok.evaluation.measurements import Outcome
from anmok.evaluation.metrics import accuracy, class_scores, confusion_matrix, macro_f1, wilson
from anmok.evaluation.objective import PLAIN_ACCURACY, Goal, Objective, dispersion, estimate

CLASSES = ("cat", "dog", "owl", "rat")
COSTS = Objective(
    Goal.AVOIDED_COST, (ErrorCost("cat", "", 5.0), ErrorCost("cat", "dog", 0.5), ErrorCost("owl", "rat", 3.0)), CLASSES
)
BALANCED, F1 = Objective(Goal.BALANCED_ACCURACY), Objective(Goal.MACRO_F1)


def answers(
    labels: list[int] | np.ndarray, predicted: list[int] | np.ndarray, rank: np.ndarray | None = None
) -> Outcome:
    n = len(labels)
    return Outcome(
        subject="a", split="select", conditions={}, ids=np.arange(n, dtype=np.int32),
        labels=np.asarray(labels, np.int32), predicted=np.asarray(predicted, np.int32),
        confidence=np.ones(n, np.float32), true_probability=np.ones(n, np.float32), rank=rank,
    )  # fmt: skip


POPULATION = np.array([[45, 6, 5, 4], [3, 14, 2, 1], [2, 1, 8, 1], [2, 2, 1, 3]]) / 100  # label by answer


def sample(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.random.default_rng(seed).choice(16, n, p=POPULATION.ravel())
    return pairs // 4, pairs % 4


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def balanced_accuracy_of(confusion: np.ndarray, known: list[int]) -> np.ndarray:
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    return share(hits, confusion.sum(-1))[..., known].mean(-1)


def macro_f1_of(confusion: np.ndarray, known: list[int]) -> np.ndarray:
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    precision, recall = share(hits, confusion.sum(-2)), share(hits, confusion.sum(-1))
    return share(2 * precision * recall, precision + recall)[..., known].mean(-1)


def avoided_cost_of(confusion: np.ndarray, _: list[int]) -> np.ndarray:
    matrix = cost_matrix(COSTS.costs, CLASSES)
    return 1 - (confusion * matrix).sum((-2, -1)) / (confusion.sum(-1) * matrix.max(1)).sum(-1)


METRICS: list[tuple[Objective, Callable[[np.ndarray, list[int]], np.ndarray]]] = [
    (BALANCED, balanced_accuracy_of),
    (F1, macro_f1_of),
    (COSTS, avoided_cost_of),
]


@pytest.mark.parametrize(("objective", "metric"), METRICS)
@given(pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=3, max_size=12))
@settings(max_examples=20)
def test_contributions_are_jackknife_values_around_the_metric(objective, metric, pairs) -> None:
    labels, predicted = np.array(pairs).T
    known = sorted({*labels, *predicted} if objective is F1 else {*labels})
    confusion, n = confusion_matrix(labels, predicted, 4), len(labels)
    left = np.stack([confusion] * n)
    left[np.arange(n), labels, predicted] -= 1
    whole = metric(confusion, known)
    pseudo = n * whole - (n - 1) * metric(left, known)
    found = objective.contributions(answers(labels, predicted))
    np.testing.assert_allclose(found, pseudo - pseudo.mean() + whole, atol=1e-9)
    assert found.mean() == pytest.approx(whole)


def test_macro_f1_is_that_of_an_evaluation() -> None:
    labels, predicted = sample(200, 0)
    scores = class_scores(confusion_matrix(labels, predicted, 4))
    assert F1.contributions(answers(labels, predicted)).mean() == pytest.approx(macro_f1(scores))


@pytest.mark.parametrize(("objective", "metric"), METRICS)
def test_the_variance_is_that_of_resampled_images(objective, metric) -> None:
    """An independent estimate of it: the metric itself on 4,000 bootstrap samples."""
    labels, predicted = sample(400, 1)
    shares = confusion_matrix(labels, predicted, 4).ravel() / 400
    resampled = np.random.default_rng(2).multinomial(400, shares, size=4000).reshape(-1, 4, 4)
    found = objective.contributions(answers(labels, predicted))
    assert found.std() / 20 == pytest.approx(metric(resampled, [0, 1, 2, 3]).std(), rel=0.06)


@pytest.mark.parametrize(("objective", "metric"), METRICS)
def test_intervals_cover(objective, metric) -> None:
    """Of 200 samples, about 95 % have the value of the population in their interval."""
    truth = metric(POPULATION, [0, 1, 2, 3])
    found = [estimate(objective.contributions(answers(*sample(300, seed)))) for seed in range(200)]
    assert 0.91 < np.mean([row.low <= truth <= row.high for row in found]) < 0.98


@pytest.mark.parametrize("objective", [PLAIN_ACCURACY, BALANCED, F1, COSTS])
def test_who_is_always_right_has_all_of_it_without_doubt_about_the_mixture(objective: Objective) -> None:
    labels, _ = sample(60, 0)
    np.testing.assert_allclose(objective.contributions(answers(labels, labels)), 1.0)


def test_costs_that_are_equal_are_accuracy_and_costs_by_rarity_are_balanced_accuracy() -> None:
    labels, predicted = sample(100, 3)
    given_answers = answers(labels, predicted)
    equal = Objective(Goal.AVOIDED_COST, (), CLASSES)
    np.testing.assert_allclose(equal.contributions(given_answers), given_answers.correct, atol=1e-12)
    rarity = tuple(ErrorCost(name, "", 1 / (labels == k).sum()) for k, name in enumerate(CLASSES))
    by_rarity = Objective(Goal.AVOIDED_COST, rarity, CLASSES)
    balanced = BALANCED.contributions(given_answers).mean()
    assert by_rarity.contributions(given_answers).mean() == pytest.approx(balanced)


def test_the_mean_cost_is_in_the_unit_of_the_table() -> None:
    given_answers = answers([0, 0, 1, 2], [1, 2, 1, 3])  # 0.5 + 5 + 0 + 3
    score = COSTS.contributions(given_answers).mean()
    assert COSTS.mean_cost(score, given_answers) == pytest.approx(8.5 / 4)


def test_top_5_looks_at_the_rank_of_the_class() -> None:
    rank = np.array([0, 4, 5, 9], np.int32)
    found = Objective(Goal.TOP5).contributions(answers([0] * 4, [0, 1, 1, 1], rank))
    np.testing.assert_array_equal(found, [True, True, False, False])
    with pytest.raises(RunDirectoryError, match=r"^Top-5 accuracy needs the rank of every image's class, and this run"):
        Objective(Goal.TOP5).contributions(answers([0], [0]))


def test_right_answers_have_wilsons_interval() -> None:
    right = np.arange(50) < 40
    assert estimate(right) == accuracy(right)
    assert estimate(np.stack([right, ~right])) == wilson(0.5, 50)
    assert dispersion(right) == 1.0


def test_dispersion_is_the_variance_over_that_of_a_share() -> None:
    halves = np.repeat([0.25, 0.75], 50)  # variance 1/16 instead of 1/4
    assert dispersion(halves) == pytest.approx(0.25)
    assert estimate(halves) == wilson(0.5, 100, dispersion=0.25)
    assert dispersion(halves, np.ones(100)) == pytest.approx(0.25)  # who is always right says nothing about it
    assert dispersion(np.ones(100)) == 1.0
