import torch
from hypothesis import given
from hypothesis import strategies as st

from anmok.layers import TokenGrid


@given(height=st.integers(1, 6), width=st.integers(1, 6), placeless=st.integers(0, 2))
def test_a_map_and_its_tokens_are_the_same_numbers_for_every_grid(height, width, placeless):
    tokens = torch.randn(2, placeless + height * width, 3)
    grid = TokenGrid(tokens, height, width)
    assert grid.map().shape == (2, 3, height, width)
    assert torch.equal(grid.map()[0, :, height - 1, 0], tokens[0, placeless + (height - 1) * width])
    assert torch.equal(grid.with_map(grid.map()).tokens, tokens)


def test_another_map_leaves_the_class_token_alone():
    grid = TokenGrid(torch.randn(2, 1 + 6, 3), 2, 3)
    changed = grid.with_map(torch.zeros(2, 3, 2, 3))
    assert torch.equal(changed.tokens[:, 0], grid.tokens[:, 0])
    assert not changed.tokens[:, 1:].any()
    assert (changed.height, changed.width) == (2, 3)
