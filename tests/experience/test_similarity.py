from dataclasses import replace
from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anmok.experience import Fingerprint, similarity
from anmok.experience.similarity import _STEPS, similarities
from recorded_past import DIGITS, PHOTOS


def test_equal_facts_are_one_and_each_fact_counts_alike() -> None:
    assert similarity(PHOTOS, PHOTOS) == 1
    assert similarity(PHOTOS, replace(PHOTOS, balance=0.85)) == pytest.approx(exp(-1 / 13))
    assert similarity(PHOTOS, replace(PHOTOS, classes=1000)) == pytest.approx(exp(-((2 / 0.6) ** 2) / 13))
    assert similarity(PHOTOS, replace(PHOTOS, side=64)) == pytest.approx(exp(-((1 / 0.6) ** 2) / 13))
    assert set(_STEPS) == set(PHOTOS.to_dict())


def test_photographs_and_digits_are_nearly_unrelated() -> None:
    assert similarity(PHOTOS, DIGITS) == similarity(DIGITS, PHOTOS) < 0.25


@given(st.lists(st.floats(0, 1), min_size=13, max_size=13), st.integers(2, 8))
def test_a_matrix_of_similarities_has_no_negative_eigenvalue(shares: list[float], n: int) -> None:
    facts = PHOTOS.to_dict()
    others: list[Fingerprint] = [PHOTOS]
    for i in range(n):
        moved = {name: facts[name] * (1 + s * i / n) for (name, s) in zip(facts, shares, strict=True)}
        others.append(Fingerprint.from_dict(moved))
    assert np.linalg.eigvalsh(similarities(others, others)).min() > -1e-9
