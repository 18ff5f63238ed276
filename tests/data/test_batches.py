import numpy as np
import pytest
import torch

from anmok.data import Batches, Draws, Order, Part, ResizedCrop, channel_statistics
from anmok.data.picture import Whole, show
from anmok.data.views import draw_numbers

PIXELS = np.random.default_rng(0).integers(0, 256, (50, 3, 8, 8), dtype=np.uint8)
LABELS = np.arange(50, dtype=np.int32)  # so that a label tells which image it is


def batches(*, seed: int | None) -> Batches:
    return Batches(PIXELS, LABELS, Order(np.array([9, 3, 3, 40, 7, 12]), batch_size=4, seed=seed))


def test_pixels_and_labels_come_in_the_order_that_is_given() -> None:
    given = list(batches(seed=None).epoch(0))
    assert [len(batch.labels) for batch in given] == [4, 2]
    assert torch.cat([batch.labels for batch in given]).tolist() == [9, 3, 3, 40, 7, 12]
    assert torch.equal(torch.cat([batch.pixels for batch in given]), torch.from_numpy(PIXELS[[9, 3, 3, 40, 7, 12]]))


def test_random_numbers_belong_to_the_epoch_and_the_position_in_it() -> None:
    numbers = [batch.draws.uniform() for batch in batches(seed=5).epoch(2)]
    assert np.array_equal(np.concatenate(numbers), Draws(5, 2, np.arange(6)).uniform())
    (second,) = batches(seed=5).epoch(2, start=1)
    assert np.array_equal(second.draws.uniform(), numbers[1])
    (first, _) = batches(seed=5).epoch(2, part=Part(1, 2))
    assert np.array_equal(first.draws.uniform(), numbers[0][2:])


def test_channel_statistics_are_the_mean_and_deviation_over_all_pixels() -> None:
    indices = np.array([1, 5, 7, 7])
    mean, std = channel_statistics(PIXELS, indices)
    chosen = PIXELS[indices].astype(np.float64) / 255
    assert mean == pytest.approx(chosen.mean((0, 2, 3)))
    assert std == pytest.approx(chosen.std((0, 2, 3)))


def test_a_constant_channel_can_still_be_divided_by_its_deviation() -> None:
    pixels = np.full((3, 1, 4, 4), 51, dtype=np.uint8)
    mean, std = channel_statistics(pixels, np.arange(3))
    assert mean == pytest.approx((0.2,))
    assert std == pytest.approx((1 / 255,))


def test_a_crop_shows_a_random_box_of_each_image_at_its_size() -> None:
    order, crop = Order(np.arange(50), batch_size=20, seed=5), ResizedCrop(area=(0.3, 1.0))
    source = Batches(PIXELS, LABELS, order, crop=crop)
    batch = list(source.epoch(1))[1]
    chosen = list(order.batches(1))[1]
    draws = Draws(5, 1, chosen.positions)
    assert batch.labels.tolist() == chosen.rows.tolist()
    for pixels, row, numbers in zip(batch.pixels, chosen.rows, draw_numbers(crop, draws), strict=True):
        image = np.ascontiguousarray(PIXELS[row].transpose(1, 2, 0))
        assert torch.equal(pixels, show(Whole(image), crop.view(8, 8, 8, numbers)))
    assert np.array_equal(batch.draws.uniform(), draws.uniform())
