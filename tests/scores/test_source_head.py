import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_features import answers_of

from anmok.scores import leep, nce


def counted_leep(probabilities, labels):
    """The definition, one sum after the other."""
    n, z = probabilities.shape
    joint = {
        (y, s): sum(probabilities[i, s] for i in range(n) if labels[i] == y) / n for y in set(labels) for s in range(z)
    }
    marginal = [sum(joint[y, s] for y in set(labels)) for s in range(z)]
    total = 0.0
    for i in range(n):
        total += np.log(sum(joint[labels[i], s] / marginal[s] * probabilities[i, s] for s in range(z)))
    return total / n


def counted_nce(probabilities, labels):
    """Minus the entropy of the labels given the answers, from the table of both."""
    answers = probabilities.argmax(1)
    total = 0.0
    for y in set(labels):
        for s in set(answers):
            both = np.mean((labels == y) & (answers == s))
            total += both * np.log(both / np.mean(answers == s)) if both else 0.0
    return total


@pytest.mark.parametrize("shape", [(30, 4, 3), (25, 40, 5)])
def test_they_are_what_their_definitions_say(shape):
    probabilities, labels = answers_of(*shape)
    assert leep(probabilities, labels) == pytest.approx(counted_leep(probabilities, labels))
    assert nce(probabilities, labels) == pytest.approx(counted_nce(probabilities, labels))


@given(st.integers(0, 10_000), st.integers(2, 8), st.integers(2, 5))
def test_answers_tell_no_more_than_there_is_to_know(seed, z, k):
    probabilities, labels = answers_of(20, z, k, seed=seed)
    shares = np.bincount(labels) / 20
    assert shares @ np.log(shares) - 1e-9 <= nce(probabilities, labels) <= 1e-9
    assert leep(probabilities, labels) <= 1e-9


def test_of_answers_without_doubt_they_are_the_same():
    probabilities, labels = answers_of(30, 6, 3)
    certain = np.eye(6)[probabilities.argmax(1)]
    assert leep(certain, labels) == pytest.approx(nce(certain, labels))


def test_answers_that_know_all_and_answers_that_know_nothing():
    labels = np.array([0, 0, 0, 1])
    assert leep(np.eye(2)[labels], labels) == nce(np.eye(2)[labels], labels) == 0
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert leep(np.full((4, 5), 0.2), labels) == pytest.approx(-entropy)
    assert nce(np.full((4, 5), 0.2), labels) == pytest.approx(-entropy)
