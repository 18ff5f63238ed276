"""How attention adds up over the blocks."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anmok.capture.rollout import rollout


def _random(blocks: int, n: int, *, heads: int = 3, batch: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(blocks * 100 + n)
    draws = torch.randn(blocks, batch, heads, n, n, generator=generator, dtype=torch.float64)
    return list((3 * draws).softmax(-1))


@pytest.mark.parametrize(("blocks", "n"), [(1, 4), (3, 9), (12, 9)])
def test_uniform_attention_has_a_closed_form(blocks, n):
    total = rollout([torch.full((1, 2, n, n), 1 / n, dtype=torch.float64)] * blocks)

    own = (1 - 2.0**-blocks) / n + 2.0**-blocks
    expected = torch.full((1, n, n), (1 - 2.0**-blocks) / n, dtype=torch.float64)
    expected[0].fill_diagonal_(own)
    torch.testing.assert_close(total, expected)


def test_tokens_that_look_at_themselves_stay_what_they_are():
    torch.testing.assert_close(rollout([torch.eye(5).expand(2, 4, 5, 5)] * 6), torch.eye(5).expand(2, 5, 5))


@settings(max_examples=20, deadline=None)
@given(blocks=st.integers(1, 6), n=st.integers(1, 8))
def test_rows_sum_to_one(blocks, n):
    torch.testing.assert_close(rollout(_random(blocks, n)).sum(-1), torch.ones(2, n, dtype=torch.float64))


def test_rows_and_not_columns_are_normalised():
    """A sink takes all attention: its column gathers mass, which a normalisation of columns would hide."""
    sink = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    sink[..., 0] = 1

    total = rollout([sink] * 3)[0]

    torch.testing.assert_close(total[1:, 0], torch.full((3,), 1 - 2.0**-3, dtype=torch.float64))
    torch.testing.assert_close(total.sum(0)[0], torch.tensor(1 + 3 * (1 - 2.0**-3), dtype=torch.float64))


def test_the_last_block_stands_left():
    """The second block of two reads token 0 everywhere, and token 0 had read token 2 in the first."""
    first, second = torch.eye(3)[None, None].repeat(2, 1, 1, 1, 1).double()
    first[..., 0, :] = torch.tensor([0.0, 0, 1])
    second[..., :, :] = torch.tensor([1.0, 0, 0])

    total = rollout([first, second])[0]

    torch.testing.assert_close(total[1], torch.tensor([0.25, 0.5, 0.25], dtype=torch.float64))


def test_heads_are_averaged():
    weights = _random(2, 5)

    torch.testing.assert_close(rollout(weights), rollout([w.mean(1, keepdim=True) for w in weights]))
