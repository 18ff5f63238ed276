import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anmok.data import Augmentation, Batches, channel_statistics
from anmok.errors import RequestError

PIXELS = np.random.default_rng(0).integers(0, 256, (50, 3, 8, 8), dtype=np.uint8)
LABELS = np.arange(50, dtype=np.int32)  # so that a label tells which image it is


def batches(indices: np.ndarray, **options: object) -> Batches:
    return Batches(PIXELS, LABELS, indices, **{"batch_size": 8, "seed": 0, **options})


def test_without_a_seed_every_image_comes_once_in_order() -> None:
    indices = np.array([9, 3, 3, 40, 7])
    given = list(batches(indices, seed=None, batch_size=2).epoch(0))
    assert [len(labels) for _, labels in given] == [2, 2, 1]
    assert torch.cat([labels for _, labels in given]).tolist() == indices.tolist()
    images = torch.cat([images for images, _ in given])
    assert images.dtype == torch.float32
    assert torch.equal(images, torch.from_numpy(PIXELS[indices]).float() / 255)


@settings(max_examples=40)
@given(st.integers(1, 50), st.integers(1, 9), st.booleans())
def test_the_length_is_the_number_of_batches(count: int, batch_size: int, shuffled: bool) -> None:
    given = batches(np.arange(count), batch_size=batch_size, seed=0 if shuffled else None)
    sizes = [len(labels) for _, labels in given.epoch(1)]
    assert len(sizes) == len(given)
    assert sum(sizes) == count - (shuffled and count > 1 and count % batch_size == (1 if batch_size > 1 else 0))


def test_a_last_batch_of_one_is_left_out_in_training() -> None:
    given = [labels.tolist() for _, labels in batches(np.arange(17)).epoch(0)]
    assert [len(labels) for labels in given] == [8, 8]


def test_each_epoch_has_an_order_of_its_own_that_can_be_repeated() -> None:
    def order(epoch: int, seed: int) -> list[int]:
        return torch.cat([labels for _, labels in batches(np.arange(48), seed=seed).epoch(epoch)]).tolist()

    assert order(3, 0) == order(3, 0)
    assert sorted(order(3, 0)) == list(range(48))
    assert len({tuple(order(epoch, seed)) for epoch in (0, 1) for seed in (0, 1)}) == 4


def test_augmentation_can_be_repeated_whatever_ran_before_and_on_any_number_of_threads() -> None:
    def images(epoch: int) -> torch.Tensor:
        augmented = batches(np.arange(48), augmentation=Augmentation.FLIP_CROP)
        return torch.cat([images for images, _ in augmented.epoch(epoch)])

    first = images(2)
    torch.manual_seed(7)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    assert torch.equal(images(2), first)
    torch.set_num_threads(threads)
    assert not torch.equal(images(3), first)
    plain = torch.cat([images for images, _ in batches(np.arange(48)).epoch(2)])
    assert not torch.equal(plain, first)


def test_an_epoch_that_stops_half_way_changes_nothing() -> None:
    one = batches(np.arange(48), augmentation=Augmentation.FLIP_CROP)
    next(one.epoch(0))
    rest = [images for images, _ in one.epoch(1)]
    fresh = [images for images, _ in batches(np.arange(48), augmentation=Augmentation.FLIP_CROP).epoch(1)]
    assert all(torch.equal(a, b) for a, b in zip(rest, fresh, strict=True))


def test_a_batch_of_nothing_is_an_error() -> None:
    with pytest.raises(RequestError, match=r"at least one image: got batch_size=0\. Give 1 or more\."):
        batches(np.arange(5), batch_size=0)


def test_augmentation_without_a_seed_is_an_error() -> None:
    with pytest.raises(RequestError, match=r"is random: got 'flip-crop' and seed=None\. Give a seed\."):
        batches(np.arange(5), seed=None, augmentation=Augmentation.FLIP_CROP)


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
