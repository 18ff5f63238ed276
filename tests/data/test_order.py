import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anmok.data.order import Order, Part
from anmok.errors import RequestError


def flat(batches: list[list[int]]) -> list[int]:
    return [row for batch in batches for row in batch]


def rows(order: Order, epoch: int = 0, **options: object) -> list[list[int]]:
    return [chosen.rows.tolist() for chosen in order.batches(epoch, **options)]


def test_without_a_seed_every_row_comes_once_in_order() -> None:
    order = Order(np.array([9, 3, 3, 40, 7]), batch_size=2, seed=None)
    assert rows(order) == [[9, 3], [3, 40], [7]]


@settings(max_examples=60)
@given(st.integers(1, 50), st.integers(1, 9), st.booleans())
def test_the_length_is_the_number_of_batches(count: int, batch_size: int, shuffled: bool) -> None:
    order = Order(np.arange(count), batch_size=batch_size, seed=0 if shuffled else None)
    given = rows(order, 1)
    assert len(given) == len(order)
    lone = shuffled and count > 1 and count % batch_size == (1 if batch_size > 1 else 0)
    assert sum(map(len, given)) == count - lone


def test_each_epoch_has_an_order_of_its_own_that_can_be_repeated() -> None:
    def all_of(epoch: int, seed: int) -> tuple[int, ...]:
        return tuple(flat(rows(Order(np.arange(48), batch_size=8, seed=seed), epoch)))

    assert all_of(3, 0) == all_of(3, 0)
    assert sorted(all_of(3, 0)) == list(range(48))
    assert len({all_of(epoch, seed) for epoch in (0, 1) for seed in (0, 1)}) == 4


@settings(max_examples=60)
@given(st.integers(2, 60), st.integers(2, 9), st.integers(1, 4), st.booleans(), st.integers(0, 9))
def test_processes_and_restarts_share_the_batches_among_them(
    count: int, batch_size: int, processes: int, shuffled: bool, start: int
) -> None:
    order = Order(np.arange(count), batch_size=batch_size, seed=0 if shuffled else None)
    if not shuffled:
        parts = [flat(rows(order, part=Part(i, processes))) for i in range(processes)]
        assert flat(parts) == list(range(count))
        return
    whole = list(order.batches(2))
    shares = [list(order.batches(2, start=start, part=Part(i, processes))) for i in range(processes)]
    for step, batch in enumerate(whole[start:]):
        here = [share[step] for share in shares]
        assert np.array_equal(np.concatenate([s.rows for s in here]), batch.rows)
        assert np.array_equal(np.concatenate([s.positions for s in here]), batch.positions)
        assert all(len(s.rows) % 2 == 0 for s in here[:-1])


def test_repeats_fill_the_epoch_with_fewer_images() -> None:
    order = Order(np.arange(48), batch_size=12, seed=0, repeats=3)
    given = rows(order)
    assert [len(batch) for batch in given] == [12] * 4
    for batch in given:
        assert sorted(np.unique(batch, return_counts=True)[1].tolist()) == [3] * 4
        assert all(a != b for a, b in zip(batch[::2], batch[1::2], strict=True))


def test_weights_say_how_often_a_row_is_drawn() -> None:
    order = Order(np.arange(4000), batch_size=100, seed=0, weights=np.repeat([1.0, 3.0], 2000))
    drawn = np.array(flat(rows(order)))
    assert abs((drawn >= 2000).mean() - 0.75) < 0.03


@pytest.mark.parametrize("options", [{"repeats": 2}, {"weights": np.ones(5)}])
def test_evaluation_takes_each_row_once(options: dict) -> None:
    with pytest.raises(RequestError, match=r"are for training, which has a seed: got seed=None\. Give a seed\."):
        Order(np.arange(5), batch_size=2, seed=None, **options)


def test_a_batch_of_nothing_is_an_error() -> None:
    with pytest.raises(RequestError, match=r"at least one image: got batch_size=0\. Give 1 or more\."):
        Order(np.arange(5), batch_size=0, seed=None)


def test_images_take_turns_where_an_epoch_has_each_of_them_once() -> None:
    def seen(epoch: int) -> dict[int, bool]:
        order = Order(np.arange(30), batch_size=30, seed=4)
        (chosen,) = order.batches(epoch)
        return dict(zip(chosen.rows.tolist(), order.draws(epoch, chosen).turns().tolist(), strict=True))

    assert seen(1) == {row: not turn for row, turn in seen(0).items()}
    order = Order(np.arange(300), batch_size=300, seed=4, repeats=2)
    (chosen,) = order.batches(0)
    turns = order.draws(0, chosen).turns()
    halves = [turns[chosen.rows == row] for row in np.unique(chosen.rows)]
    assert 0.3 < np.mean([first != second for first, second in halves]) < 0.7
