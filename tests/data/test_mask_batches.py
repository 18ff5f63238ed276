from pathlib import Path

import numpy as np
import pytest
import torch

from anmok.data import Augmentation, Order
from anmok.data.border_weights import border_nearness
from anmok.data.mask_batches import MaskWindows, WholeImages
from anmok.data.mask_windows import BORDERS, LABELS, Windows
from anmok.data.masks import MaskedImages, load_masks
from anmok.data.order import Part
from anmok.errors import DataError
from discs_and_bars import scene, write_scenes


@pytest.fixture
def data(tmp_path: Path) -> MaskedImages:
    return load_masks(write_scenes(tmp_path, 7))


def windows_of(data: MaskedImages, *, batch_size: int = 3, borders: bool = False, shorter: int = 512) -> MaskWindows:
    return MaskWindows(
        data=data,
        order=Order(np.arange(7), batch_size=batch_size, seed=4),
        windows=Windows(size=24, augmentation=Augmentation.FLIP_CROP, shift=0.125),
        shorter=shorter,
        borders=borders,
    )


def test_a_window_does_not_depend_on_its_batch_or_on_what_came_before(data: MaskedImages) -> None:
    whole = torch.cat([batch.layers for batch in windows_of(data, batch_size=7).epoch(2)])
    source = windows_of(data)
    again = list(source.epoch(2))
    assert [len(batch.layers) for batch in again] == [3, 3]  # a last batch of one is left out
    assert torch.equal(torch.cat([batch.layers for batch in again]), whole[:6])
    (later,) = source.epoch(2, start=1)
    assert torch.equal(later.layers, whole[3:6])
    assert not torch.equal(torch.cat([batch.layers for batch in source.epoch(3)]), whole[:6])


def test_processes_share_a_batch(data: MaskedImages) -> None:
    source = windows_of(data, batch_size=7)
    (whole,) = source.epoch(0)
    parts = [next(iter(source.epoch(0, part=Part(rank, 2)))).layers for rank in (0, 1)]
    assert torch.equal(torch.cat(parts), whole.layers)
    lone = windows_of(data, batch_size=5)
    assert [len(batch.layers) for batch in lone.epoch(0, part=Part(0, 2))] == [2, 0]


def test_the_layer_of_borders_is_that_of_the_mask(data: MaskedImages) -> None:
    source = windows_of(data, borders=True)
    source.windows = Windows(size=24, augmentation=Augmentation.NONE)
    batch = next(iter(source.epoch(0)))
    assert batch.layers.shape == (3, 5, 24, 24)
    id = int(next(source.order.batches(0)).rows[0])
    middle = slice(12, 36), slice(20, 44)
    expected = np.rint(255 * border_nearness(scene(id)[1]))
    np.testing.assert_array_equal(batch.layers[0, BORDERS], expected[middle])
    np.testing.assert_array_equal(batch.layers[0, LABELS], scene(id)[1][middle])


def test_whole_images_come_in_order_with_masks_of_their_own_size(data: MaskedImages) -> None:
    source = WholeImages(data=data, order=Order(np.array([4, 1, 6]), batch_size=1, seed=None), shorter=24)
    assert len(source) == 3
    images = list(source.epoch(0))
    assert [image.id for image in images] == [4, 1, 6]
    assert {(image.pixels.shape, image.mask.shape) for image in images} == {((3, 24, 32), (48, 64))}
    np.testing.assert_array_equal(images[1].mask, scene(1)[1])
    shares = [[image.id for image in source.epoch(0, part=Part(rank, 2))] for rank in (0, 1)]
    assert shares[0] + shares[1] == [4, 1, 6]


def test_a_file_that_is_gone_is_named(data: MaskedImages, tmp_path: Path) -> None:
    (tmp_path / "masks" / "002.png").unlink()
    with pytest.raises(DataError, match=r"^The image 'masks/002\.png' cannot be read: no such file or directory\."):
        list(windows_of(data).epoch(0))
