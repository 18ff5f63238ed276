"""Each closed form against what it stands for: one fit for every image that is left out."""

from importlib import import_module

import numpy as np
import pytest
from small_features import features_of

from anmok.errors import RequestError
from anmok.evaluation.metrics import accuracy
from anmok.scores import lda, neighbours, ridge

SHAPES = [(40, 6, 3), (24, 60, 3), (30, 30, 4), (12, 1, 2)]  # more and fewer images than channels, and one channel


def refitted_ridge(x, y, penalty):
    """Outputs for each image, of a model with an intercept fitted to the others."""
    targets = np.eye(y.max() + 1)[y]
    absolute = penalty * ((x - x.mean(0)) ** 2).sum() / x.shape[1]
    outputs = []
    for i in range(len(x)):
        rest = np.arange(len(x)) != i
        design = np.column_stack([np.ones(rest.sum()), x[rest]])
        penalties = np.diag([0.0] + [absolute] * x.shape[1])
        weights = np.linalg.solve(design.T @ design + penalties, design.T @ targets[rest])
        outputs.append(np.append(1.0, x[i]) @ weights)
    return np.array(outputs), targets


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("penalty", [1e-3, 1.0, 30.0])
def test_ridge_answers_as_if_it_were_fitted_anew_for_every_image(shape, penalty):
    x, y = features_of(*shape)
    outputs, _ = refitted_ridge(x, y, penalty)
    found = ridge(x, y, penalties=[penalty])
    assert (found.predicted == outputs.argmax(1)).all()
    assert found.accuracy == accuracy(outputs.argmax(1) == y)
    assert (found.correct == (outputs.argmax(1) == y)).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_ridge_takes_the_penalty_with_the_smallest_squared_error(shape):
    x, y = features_of(*shape, seed=1)
    penalties = [1e-3, 1e-1, 1e1, 1e3]
    errors = []
    for penalty in penalties:
        outputs, targets = refitted_ridge(x, y, penalty)
        errors.append(((targets - outputs) ** 2).sum())
    assert ridge(x, y, penalties=penalties).regularisation == penalties[int(np.argmin(errors))]


def refitted_lda(x, y, shrinkage):
    answers = []
    for i in range(len(x)):
        rest = np.arange(len(x)) != i
        xs, ys = x[rest], y[rest]
        means = np.stack([xs[ys == c].mean(0) for c in range(y.max() + 1)])
        within = (xs - means[ys]).T @ (xs - means[ys]) / len(xs)
        shrunk = (1 - shrinkage) * within + shrinkage * np.trace(within) / x.shape[1] * np.eye(x.shape[1])
        away = x[i] - means
        distances = (away * np.linalg.solve(shrunk, away.T).T).sum(1)
        answers.append(np.argmax(np.log(np.bincount(ys) / len(ys)) - distances / 2))
    return np.array(answers)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shrinkage", [0.01, 0.3, 1.0, None])
def test_lda_answers_as_if_it_were_fitted_anew_for_every_image(shape, shrinkage):
    x, y = features_of(*shape, seed=2, distance=0.7)
    found = lda(x, y, shrinkage=shrinkage)
    answers = refitted_lda(x, y, found.regularisation)
    assert (found.predicted == answers).all()
    assert found.accuracy == accuracy(answers == y)
    assert 0 < found.regularisation <= 1


@pytest.mark.parametrize("shape", [(40, 6, 3), (24, 15, 3)])
def test_channels_that_depend_on_others_do_no_harm(shape):
    x, y = features_of(*shape, seed=4)
    x = np.column_stack([x, x, np.full(len(x), 7.0)])
    assert (ridge(x, y, penalties=[0.1]).predicted == refitted_ridge(x, y, 0.1)[0].argmax(1)).all()
    assert (lda(x, y, shrinkage=0.1).predicted == refitted_lda(x, y, 0.1)).all()


def compared_neighbours(x, y, count):
    answers = []
    for i in range(len(x)):
        cosines = x @ x[i] / np.linalg.norm(x, axis=1) / np.linalg.norm(x[i])
        nearest = sorted((j for j in range(len(x)) if j != i), key=lambda j: -cosines[j])[:count]
        votes = {c: [cosines[j] for j in nearest if y[j] == c] for c in range(y.max() + 1)}
        answers.append(max(votes, key=lambda c: (len(votes[c]), sum(votes[c]))))
    return np.array(answers)


@pytest.mark.parametrize("shape", [(40, 6, 3), (24, 60, 3)])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_neighbours_are_the_nearest_by_cosine(shape, count):
    x, y = features_of(*shape, seed=3)
    x -= x.mean(0)  # so that cosines of either sign occur
    assert (neighbours(x, y, count=count).predicted == compared_neighbours(x, y, count)).all()


def test_an_image_is_never_its_own_neighbour_in_any_chunk(monkeypatch):
    monkeypatch.setattr(import_module("anmok.scores.neighbours"), "_CHUNK", 7)
    x, y = features_of(30, 8, 3)
    assert (neighbours(x, y).predicted == compared_neighbours(x, y, 5)).all()


def test_features_of_length_zero_have_neighbours_too():
    x = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.1], [-1.0, 0.0], [-1.0, 0.1]])
    assert neighbours(x, np.array([0, 0, 0, 1, 1]), count=1).predicted[1:].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("estimate", [ridge, lda, neighbours])
def test_what_says_nothing_new_changes_nothing(estimate):
    """Another order of images, other numbers for the classes, single precision."""
    x, y = features_of(30, 8, 3)
    plain = estimate(x, y).predicted
    order = np.random.default_rng(0).permutation(len(x))
    assert (estimate(x[order], y[order]).predicted == plain[order]).all()
    assert (estimate(x, 10 * y + 3).predicted == 10 * plain + 3).all()
    assert (estimate(x.astype(np.float32), y).predicted == plain).all()
    if estimate is not neighbours:  # angles are those seen from zero
        assert (estimate(x + 100, y).predicted == plain).all()
        assert (estimate(1000 * x, y).predicted == plain).all()


@pytest.mark.parametrize("estimate", [ridge, lda, neighbours])
def test_a_class_of_one_image(estimate):
    x, y = features_of(30, 8, 3)
    y[y == 2] = 0
    y[5] = 2
    message = r"^Leaving an image out must leave one of its class: class 2 has 1. Add images, or leave the class out.$"
    with pytest.raises(RequestError, match=message):
        estimate(x, y)


def test_settings_out_of_range():
    x, y = features_of(30, 8, 3)
    with pytest.raises(RequestError, match=r"^A ridge penalty is positive: got \[0.1, 0\]. Give some, such as"):
        ridge(x, y, penalties=[0.1, 0])
    with pytest.raises(RequestError, match=r"^A ridge penalty is positive: got \[\]. Give some, such as"):
        ridge(x, y, penalties=[])
    with pytest.raises(RequestError, match=r"^A shrinkage lies in \(0, 1\]: got 0.0. Leave it out for Ledoit"):
        lda(x, y, shrinkage=0.0)
    with pytest.raises(RequestError, match=r"^Among 30 images each has 1 to 29 neighbours: got count=30.$"):
        neighbours(x, y, count=30)


def test_lda_of_classes_without_spread():
    x = np.repeat(np.eye(3), 4, axis=0)
    message = r"^LDA needs images of a class to differ: got the same features for all images of each class. Use ridge.$"
    with pytest.raises(RequestError, match=message):
        lda(x, np.repeat(np.arange(3), 4))
    assert ridge(x, np.repeat(np.arange(3), 4)).accuracy.value == 1.0
