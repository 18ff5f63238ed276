import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from anmok.data.draws import Draws


@given(st.integers(0, 2**31), st.integers(0, 10**4), st.permutations(range(20)), st.integers(1, 19))
def test_an_image_gets_the_same_numbers_in_any_company(seed: int, epoch: int, order: list[int], cut: int) -> None:
    def numbers(positions: np.ndarray) -> np.ndarray:
        draws = Draws(seed, epoch, positions)
        return np.stack((draws.uniform(), draws.normal(), draws.integers(0, 9), draws.chance(0.3)))

    whole = numbers(np.arange(20))
    positions = np.array(order)
    parts = np.concatenate((numbers(positions[:cut]), numbers(positions[cut:])), axis=1)
    assert np.array_equal(parts, whole[:, positions])


@given(st.integers(0, 2**31), st.integers(0, 10**4))
def test_each_image_takes_turns_wherever_it_comes_in_an_epoch(seed: int, epoch: int) -> None:
    rows = np.arange(40)
    first = Draws(seed, epoch, rows, rows).turns()
    assert np.array_equal(Draws(seed, epoch, rows, rows[::-1]).turns(), first[::-1])
    assert np.array_equal(Draws(seed, epoch + 1, rows, rows).turns(), ~first)


def test_half_of_the_images_take_their_turn_in_the_same_epoch() -> None:
    rows = np.arange(10_000)
    assert abs(Draws(0, 0, rows, rows).turns().mean() - 0.5) < 0.02
    assert abs(Draws(0, 0, rows).turns().mean() - 0.5) < 0.02
    assert abs(np.corrcoef(Draws(0, 0, rows, rows).turns(), Draws(1, 0, rows, rows).turns())[0, 1]) < 0.05


def test_splitmix64_gives_the_published_numbers() -> None:
    # Reference: the public C code of Vigna, seeded with 1234567.
    draws = Draws(0, 0, np.arange(1))
    draws._state = np.array([1234567], dtype=np.uint64)
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [float(draws.uniform()[0]) for _ in expected] == [(n >> 11) / 2**53 for n in expected]


def test_numbers_are_spread_as_they_say_over_images_epochs_and_draws() -> None:
    draws = [Draws(0, epoch, np.arange(400)) for epoch in range(5)]
    uniform = np.stack([[d.uniform() for _ in range(5)] for d in draws])
    assert stats.kstest(uniform.ravel(), "uniform").pvalue > 0.001
    for axis in range(3):
        flat = np.moveaxis(uniform, axis, 0)
        assert abs(np.corrcoef(flat[:-1].ravel(), flat[1:].ravel())[0, 1]) < 0.05
    assert stats.kstest(np.concatenate([d.normal() for d in draws]), "norm").pvalue > 0.001
    counts = np.bincount(np.concatenate([d.integers(2, 7) for d in draws]))
    assert counts[:2].sum() == 0
    assert stats.chisquare(counts[2:]).pvalue > 0.001
    assert abs(np.mean([d.chance(0.25) for d in draws]) - 0.25) < 0.03
