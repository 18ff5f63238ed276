from dataclasses import replace
from math import cos, pi, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anmok.training.recipe import Optimizer, Recipe, Schedule
from anmok.training.schedule import learning_rate, peak, share_below_head

RECIPE = Recipe(learning_rate=2.0, warmup=0.1)
PLAIN = replace(RECIPE, warmup=0.0)


def course(recipe: Recipe, steps: int = 100) -> list[float]:
    return [learning_rate(recipe, step, steps) for step in range(steps)]


def test_the_rate_rises_linearly_then_falls_as_half_a_cosine() -> None:
    rates = course(RECIPE)
    assert rates[:10] == pytest.approx([2.0 * (i + 1) / 11 for i in range(10)])
    assert rates[10] == 2.0
    assert rates[55] == pytest.approx(1 + cos(pi * 45 / 90))
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.01


def test_a_cosine_ends_at_the_share_that_was_asked_for() -> None:
    rates = course(replace(PLAIN, final_learning_rate=0.1))
    assert rates[0] == 2.0
    assert rates[50] == pytest.approx((2.0 + 0.2) / 2)
    assert rates[-1] == pytest.approx(0.2, abs=1e-3)


def test_steps_fall_at_their_shares_of_the_training_whatever_its_length() -> None:
    recipe = replace(PLAIN, schedule=Schedule.STEP, milestones=(0.3, 0.7), decay=0.5)
    for steps in (10, 70, 1000):
        rates = course(recipe, steps)
        assert rates == [2.0] * (3 * steps // 10) + [1.0] * (4 * steps // 10) + [0.5] * (3 * steps // 10)


def test_an_exponential_falls_every_so_many_epochs() -> None:
    recipe = replace(PLAIN, epochs=10, schedule=Schedule.EXPONENTIAL, decay=0.5, decay_epochs=2.5)
    assert course(recipe) == [2.0] * 25 + [1.0] * 25 + [0.5] * 25 + [0.25] * 25


def test_an_inverse_square_root_is_the_papers_formula() -> None:
    # Vaswani et al. 2017, eq. 3, with step_num from 1 and warmup_steps = 11, up to the factor d_model^-0.5.
    rates = course(replace(RECIPE, schedule=Schedule.INVERSE_SQRT))
    paper = [min(number**-0.5, number * 11**-1.5) for number in range(1, 101)]
    assert rates == pytest.approx([2.0 * rate / 11**-0.5 for rate in paper])
    assert rates[10] == 2.0
    assert rates[43] == pytest.approx(1.0)


def test_a_constant_rate_is_warmed_up_all_the_same() -> None:
    rates = course(replace(RECIPE, schedule=Schedule.CONSTANT))
    assert rates[0] == pytest.approx(2 / 11)
    assert rates[10:] == [2.0] * 90


@pytest.mark.parametrize(("rule", "expected"), [(Optimizer.SGD, 8.0), (Optimizer.LAMB, 4.0)])
def test_the_rate_follows_the_batch(rule: Optimizer, expected: float) -> None:
    recipe = replace(RECIPE, optimizer=rule, batch_size=128)
    assert peak(recipe) == 2.0
    assert peak(replace(recipe, learning_rate_batch=32)) == expected
    assert peak(replace(recipe, learning_rate_batch=256)) == pytest.approx(
        2 * (sqrt(0.5) if rule is Optimizer.LAMB else 0.5)
    )


def test_the_head_learns_first_and_the_rest_is_then_warmed_up() -> None:
    shares = [share_below_head(replace(RECIPE, head_epochs=0.2), step, 100) for step in range(100)]
    assert shares[:20] == [0.0] * 20
    assert shares[20:30] == pytest.approx([(i + 1) / 11 for i in range(10)])
    assert shares[30:] == [1.0] * 70
    assert {share_below_head(RECIPE, step, 100) for step in range(100)} == {1.0}


@given(
    schedule=st.sampled_from(Schedule),
    warmup=st.floats(0, 0.9),
    steps=st.integers(1, 200),
    epochs=st.integers(1, 50),
)
def test_no_rate_lies_above_the_peak_or_below_zero(schedule: Schedule, warmup: float, steps: int, epochs: int) -> None:
    milestones = (0.5, 0.75) if schedule is Schedule.STEP else ()
    recipe = Recipe(schedule=schedule, milestones=milestones, warmup=warmup, epochs=epochs)
    assert all(0 < rate <= peak(recipe) * (1 + 1e-12) for rate in course(recipe, steps))
