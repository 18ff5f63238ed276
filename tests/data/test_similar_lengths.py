import numpy as np
import pytest

from anmok.data.order import Part
from anmok.data.similar_lengths import POOL, SimilarLengths

ROWS = np.arange(1000, 2730)
LENGTHS = np.random.default_rng(0).integers(1, 60, len(ROWS))


def order(**wishes: object) -> SimilarLengths:
    return SimilarLengths(ROWS, LENGTHS, **({"batch_size": 16, "seed": 1} | wishes))


def test_an_epoch_has_every_row_once() -> None:
    for seed in (None, 1):
        batches = list(order(seed=seed).batches(3))
        assert len(batches) == len(order(seed=seed)) == 109
        assert sorted(np.concatenate(batches)) == ROWS.tolist()


def test_batches_depend_on_seed_epoch_and_step_alone() -> None:
    first = [batch.tolist() for batch in order().batches(2)]
    assert [batch.tolist() for batch in order().batches(2, start=57)] == first[57:]
    assert [batch.tolist() for batch in order().batches(3)] != first
    assert [batch.tolist() for batch in order(seed=2).batches(2)] != first


def test_little_of_a_batch_is_padding() -> None:
    length = dict(zip(ROWS.tolist(), LENGTHS.tolist(), strict=True))
    batches = [[length[row] for row in batch] for batch in order().batches(0)]
    padding = 1 - sum(LENGTHS) / sum(len(batch) * max(batch) for batch in batches)
    assert padding < 0.04
    shuffled = np.random.default_rng(0).permutation(LENGTHS)[: 108 * 16].reshape(108, 16)
    assert 1 - shuffled.sum() / (16 * shuffled.max(1)).sum() > 0.4
    # Chance enough: long and short batches come in no order.
    means = np.array([np.mean(batch) for batch in batches])
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.3
    assert len(ROWS) > POOL * 16


def test_evaluation_goes_from_long_to_short() -> None:
    length = dict(zip(ROWS.tolist(), LENGTHS.tolist(), strict=True))
    found = [length[row] for batch in order(seed=None).batches(0) for row in batch]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("seed", [None, 1])
def test_processes_share_every_batch(seed: int | None) -> None:
    parts = [list(order(seed=seed).batches(0, part=Part(rank, 3))) for rank in range(3)]
    for whole, *shares in zip(order(seed=seed).batches(0), *parts, strict=True):
        assert sorted(np.concatenate(shares)) == sorted(whole)
