import numpy as np
import torch

from anmok.data.order import Part
from anmok.data.text_batches import TextBatches, padded

RANDOM = np.random.default_rng(0)
TEXTS = [RANDOM.integers(4, 30, RANDOM.integers(0, 20)).tolist() for _ in range(70)]
LABELS = np.arange(70) % 3


def source(seed: int | None) -> TextBatches:
    return TextBatches(TEXTS, LABELS, np.arange(5, 70), batch_size=8, seed=seed)


def test_a_batch_holds_its_texts_and_labels() -> None:
    seen = []
    for tokens, labels, rows in source(3).epoch(0):
        assert torch.equal(tokens, padded([TEXTS[row] for row in rows]))
        assert labels.tolist() == LABELS[rows].tolist()
        seen += rows.tolist()
    assert sorted(seen) == list(range(5, 70))


def test_an_epoch_is_the_same_after_a_restart() -> None:
    whole = list(source(3).epoch(1))
    assert len(whole) == len(source(3)) == 9
    for (tokens, labels, _), batch in zip(source(3).epoch(1, start=4), whole[4:], strict=True):
        assert torch.equal(tokens, batch.tokens)
        assert torch.equal(labels, batch.labels)
    assert [b.rows.tolist() for b in source(3).epoch(2)] != [b.rows.tolist() for b in whole]


def test_processes_share_a_batch() -> None:
    shares = [list(source(3).epoch(1, part=Part(rank, 3))) for rank in range(3)]
    for step, batch in enumerate(source(3).epoch(1)):
        assert sorted(np.concatenate([share[step].rows for share in shares])) == sorted(batch.rows)


def test_texts_are_padded_to_the_longest_and_by_one_at_least() -> None:
    assert padded([[5, 6], [], [7]]).tolist() == [[5, 6], [0, 0], [7, 0]]
    assert padded([[]]).tolist() == [[0]]
    assert padded([]).shape == (0, 1)
