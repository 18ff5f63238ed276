import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from anmok.layers.relative_bias import relative_bias, resample_relative_bias

sides = st.integers(1, 5)


@given(rows=sides, columns=sides, extra=st.integers(0, 3))
def test_the_bias_of_a_pair_is_that_of_its_offset(rows, columns, extra):
    built = rows + extra, columns + 2 * extra
    table = torch.randn((2 * built[0] - 1) * (2 * built[1] - 1), 2)
    bias = relative_bias(table, built, (rows, columns))
    assert bias.shape == (1, 2, rows * columns, rows * columns)
    for query in range(rows * columns):
        for key in range(rows * columns):
            down, across = query // columns - key // columns, query % columns - key % columns
            place = (down + built[0] - 1) * (2 * built[1] - 1) + across + built[1] - 1
            assert torch.equal(bias[0, :, query, key], table[place])


def test_the_gradient_of_an_offset_is_the_sum_over_its_pairs():
    table = torch.zeros(9, 1, requires_grad=True)
    relative_bias(table, (2, 2), (2, 2)).sum().backward()
    assert table.grad.flatten().tolist() == [1, 2, 1, 2, 4, 2, 1, 2, 1]


def test_for_a_larger_grid_tables_are_interpolated_as_in_coatnets_paper():
    table = torch.randn(5 * 7, 3)
    offsets = table.reshape(1, 5, 7, 3).permute(0, 3, 1, 2)
    expected = interpolate(offsets, size=(7, 11), mode="bilinear").permute(0, 2, 3, 1).reshape(-1, 3)
    torch.testing.assert_close(resample_relative_bias(table, (3, 4), (4, 6), "bilinear"), expected)
    assert resample_relative_bias(table, (3, 4), (3, 4), "bilinear") is table


@given(rows=sides, columns=sides)
def test_resampling_keeps_what_is_the_same_everywhere_and_what_turns_over(rows, columns):
    down, across = torch.linspace(-1, 1, 9), torch.linspace(-1, 1, 5)
    odd = (down[:, None] + across[None, :]).reshape(-1, 1)
    table = torch.cat((torch.ones_like(odd), odd), dim=1)
    found = resample_relative_bias(table, (5, 3), (rows, columns), "bicubic")
    torch.testing.assert_close(found[:, 0], torch.ones(len(found)))
    torch.testing.assert_close(found[:, 1], -found[:, 1].flip(0), atol=1e-5, rtol=0)
