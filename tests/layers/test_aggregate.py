import pytest
import torch

from anmok.layers import Aggregation, aggregate, sizes

GROUP = torch.tensor([2, 0, 2, 2])
VALUES = torch.tensor([[1.0, -1.0], [5.0, -2.0], [2.0, -8.0], [6.0, -3.0]])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Aggregation.SUM, [[5, -2], [0, 0], [9, -12]]),
        (Aggregation.MEAN, [[5, -2], [0, 0], [3, -4]]),
        (Aggregation.MAX, [[5, -2], [0, 0], [6, -1]]),
    ],
)
def test_each_group_gives_what_its_members_say_and_an_empty_one_zeros(how, expected):
    assert aggregate(VALUES, GROUP, 3, how).tolist() == expected


@pytest.mark.parametrize("how", Aggregation)
def test_gradients_are_those_of_the_dense_sum(how):
    values = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    group = torch.tensor([0, 1, 1, 3, 3, 3])
    assert torch.autograd.gradcheck(lambda x: aggregate(x, group, 4, how), values)


def test_half_precision_is_summed_in_full():
    values = torch.ones(3000, 1, dtype=torch.bfloat16)
    assert aggregate(values, torch.zeros(3000, dtype=torch.long), 1, Aggregation.SUM).tolist() == [[3000]]


def test_sizes():
    assert sizes(GROUP, 4).tolist() == [1, 0, 3, 0]
