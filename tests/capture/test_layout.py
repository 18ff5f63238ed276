"""Which axes are places."""

from collections import OrderedDict

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anmok.capture import as_map, as_tensor, flatten_places, grid_of, pixel_centres
from anmok.layers import TokenGrid


def numbered(*shape: int) -> torch.Tensor:
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape)


def test_channels_first_and_last():
    map = numbered(2, 5, 4, 6)
    assert torch.equal(as_map(map, (32, 48)), map)
    assert torch.equal(as_map(map.permute(0, 2, 3, 1), (32, 48)), map)


def test_channels_come_first_where_both_fit_alike():
    map = numbered(2, 4, 4, 4)
    assert as_map(map, (32, 32)) is not None
    assert torch.equal(as_map(map, (32, 32)), map)


def test_the_axes_that_fit_better_are_the_places():
    """7 x 8 would do for a square image, but 7 x 7 does better."""
    assert as_map(numbered(1, 7, 7, 8), (224, 224)).shape == (1, 8, 7, 7)
    assert as_map(numbered(1, 7, 8, 8), (224, 224)).shape == (1, 7, 8, 8)


@pytest.mark.parametrize("prefix", [0, 1, 2, 5, 8], ids=["none", "class", "class and teacher", "registers", "most"])
@pytest.mark.parametrize(("grid", "size"), [((14, 14), (224, 224)), ((14, 11), (224, 180)), ((2, 3), (32, 48))])
def test_tokens_stand_in_row_order_after_those_without_a_place(prefix, grid, size):
    tokens = numbered(2, prefix + grid[0] * grid[1], 3)
    assert grid_of(tokens.shape[1], size) == (prefix, *grid)
    map = as_map(tokens, size)
    assert map.shape == (2, 3, *grid)
    assert torch.equal(map[:, :, 1, 0], tokens[:, prefix + grid[1]])


@pytest.mark.parametrize(
    ("tokens", "grid"),
    [
        (72, (8, 8, 8)),
        (20, (4, 4, 4)),
        (56, (7, 7, 7)),
        (6, (2, 2, 2)),
        (64, (0, 8, 8)),
        (4, (0, 2, 2)),
        (1, (0, 1, 1)),
    ],
)
def test_squares_go_before_fewer_tokens_without_a_place(tokens, grid):
    """72 tokens of a square image could be 8 x 9, but are 8 x 8 and eight more."""
    assert grid_of(tokens, (64, 64)) == grid


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([4, 8, 14, 16]), st.integers(0, 3))
def test_every_grid_of_whole_patches_is_found(rows, columns, patch, prefix):
    """As long as places are not so few, and the image so long, that other grids fit as well."""
    size = (rows * patch, columns * patch)
    found = grid_of(prefix + rows * columns, size)
    assert found is not None
    assert found[0] + found[1] * found[2] == prefix + rows * columns
    if min(rows, columns) > 8:
        assert found == (prefix, rows, columns)


def test_numbers_that_are_no_grid():
    assert grid_of(13 * 17, (224, 224)) is None
    assert as_map(numbered(1, 13 * 17, 2), (224, 224)) is None


def test_small_maps_of_long_images_are_rounded():
    assert as_map(numbered(1, 5, 2, 1), (40, 32)).shape == (1, 5, 2, 1)
    assert as_map(numbered(1, 7, 4, 3), (100, 80)).shape == (1, 7, 4, 3)


def test_the_batch_may_come_second():
    tokens = numbered(2, 17, 3)
    turned = as_map(tokens.transpose(0, 1), (32, 32), batch=2)
    assert torch.equal(turned, as_map(tokens, (32, 32)))
    assert torch.equal(as_map(tokens, (32, 32), batch=2), turned)


def test_what_has_the_batch_nowhere_has_no_places():
    assert as_map(numbered(8, 16, 3), (32, 32), batch=2) is None  # windows
    assert as_map(numbered(8, 3, 4, 4), (32, 32), batch=2) is None


@pytest.mark.parametrize(
    "output",
    [
        numbered(2, 10),
        numbered(2, 5, 1, 1),
        numbered(2, 1, 5),
        numbered(2, 2, 5),
        numbered(2, 3, 4, 4).long(),
        numbered(2, 3, 2, 4, 4),
        numbered(2, 3, 4, 9),
        numbered(2, 3, 128, 128),
        "words",
        None,
        (),
        {},
        TokenGrid(numbered(2, 1, 5), 1, 1),
    ],
    ids=lambda x: str(tuple(x.shape)) if isinstance(x, torch.Tensor) else type(x).__name__,
)
def test_things_without_places(output):
    assert as_map(output, (32, 32)) is None


def test_a_grid_says_it_itself():
    tokens = numbered(2, 3 + 6, 4)
    assert as_map(TokenGrid(tokens, 2, 3), (32, 32)).shape == (2, 4, 2, 3)


@pytest.mark.parametrize("wrap", [lambda x: (x, 1), lambda x: [x], lambda x: OrderedDict(last_hidden_state=x)])
def test_the_first_of_several(wrap):
    map = numbered(2, 3, 4, 4)
    assert as_tensor(wrap(map)) is map
    assert torch.equal(as_map(wrap(map), (32, 32)), map)
    assert as_tensor(wrap("words")) is None


def test_places_as_rows():
    rows = flatten_places(numbered(2, 3, 2, 2))
    assert rows.shape == (8, 3)
    assert rows[1].tolist() == [1, 5, 9]


@given(st.integers(1, 20), st.integers(1, 20))
def test_centres_lie_in_the_middle(places, each):
    centres = pixel_centres(places, places * each)
    assert float(centres.mean()) == pytest.approx((places * each - 1) / 2)
    assert float(centres[0]) == pytest.approx((each - 1) / 2)
