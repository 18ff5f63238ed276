from dataclasses import asdict

import numpy as np
import torch

from anmok.data.graph_scaling import Scaling


def test_columns_come_to_mean_0_and_deviation_1():
    rows = np.random.default_rng(0).normal((3, -2000), (0.01, 500), (50, 2)).astype(np.float32)
    scaled = Scaling.of(rows)(rows)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(scaled.std(0), 1, rtol=1e-3)


def test_a_column_that_never_varies_is_left_as_it_is():
    rows = np.array([[1, 7], [1, 9]], np.float32)
    assert Scaling.of(rows)(rows).tolist() == [[1, -1], [1, 1]]


def test_rows_of_a_bag_of_words_sum_to_1():
    rows = np.array([[0, 3, 1, 0], [0, 0, 0, 0], [2, 0, 0, 0]], np.float32)
    scaling = Scaling.of(rows)
    assert scaling.is_bag
    assert scaling(rows).tolist() == [[0, 0.75, 0.25, 0], [0, 0, 0, 0], [1, 0, 0, 0]]


def test_numbers_below_0_or_few_zeros_are_no_bag():
    assert not Scaling.of(np.array([[0, -1], [0, 0]], np.float32)).is_bag
    assert not Scaling.of(np.array([[0, 1], [1, 1]], np.float32)).is_bag


def test_no_rows_and_no_columns_are_left_alone():
    assert Scaling.of(np.zeros((0, 2), np.float32))(np.ones((1, 2), np.float32)).tolist() == [[1, 1]]
    assert Scaling.of(np.zeros((3, 0), np.float32))(np.zeros((3, 0), np.float32)).shape == (3, 0)


def test_it_is_stored_as_plain_values():
    rows = np.random.default_rng(1).normal(size=(4, 2)).astype(np.float32)
    scaling = Scaling.of(rows)
    again = Scaling(**asdict(scaling))
    assert torch.equal(torch.from_numpy(again(rows)), torch.from_numpy(scaling(rows)))
