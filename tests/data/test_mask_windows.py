import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anmok.data.augment import Augmentation
from anmok.data.augment.geometry import folded
from anmok.data.draws import Draws
from anmok.data.mask_windows import LABELS, Windows, reduced, reduced_size


@given(st.integers(1, 9), st.integers(-40, 40))
def test_places_beyond_an_axis_are_those_that_numpy_mirrors(side: int, place: int) -> None:
    padded = np.pad(np.arange(side), 40, mode="reflect") if side > 1 else np.zeros(81, dtype=int)
    if 0 <= place + 40 < len(padded):
        assert folded(np.array([place]), side) == padded[place + 40]


def layers_of(height: int, width: int) -> np.ndarray:
    """Colours that tell the place, and a class that follows from them."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return np.stack((rows, columns, rows // 2 + columns // 2, rows // 2 + columns // 3))


@settings(max_examples=30)
@given(st.integers(5, 40), st.integers(5, 40), st.floats(0, 0.999), st.floats(0, 0.999))
def test_a_crop_is_a_part_of_the_mirrored_image(height: int, width: int, down: float, across: float) -> None:
    layers, windows = layers_of(height, width), Windows(size=16, augmentation=Augmentation.CROP, shift=0.25)
    found = windows.cut(layers, np.array([down, across]))
    mirrored = np.pad(layers, ((0, 0), (40, 40), (40, 40)), mode="reflect")
    views = np.lib.stride_tricks.sliding_window_view(mirrored, (16, 16), axis=(1, 2)).transpose(1, 2, 0, 3, 4)
    assert (views == found).all((2, 3, 4)).any()


def test_crops_lie_anywhere_and_as_far_beyond_the_border_as_they_may() -> None:
    layers, windows = layers_of(30, 90), Windows(size=16, augmentation=Augmentation.FLIP_CROP, shift=0.25)
    draws = Draws(0, 0, np.arange(3000))
    numbers = np.stack([draws.uniform() for _ in range(windows.numbers)], axis=1)
    middles = np.array([windows.cut(layers, own)[:2, 8, 8] for own in numbers])
    assert (middles.min(0).tolist(), middles.max(0).tolist()) == ([4, 4], [26, 86])
    assert np.bincount(middles[:, 0])[4:].min() > 70  # of 3000 over 23 places


def test_without_augmentation_it_is_the_middle() -> None:
    found = Windows(size=16, augmentation=Augmentation.NONE).cut(layers_of(30, 20), np.zeros(2))
    np.testing.assert_array_equal(found, layers_of(30, 20)[:, 7:23, 2:18])


def test_a_resized_crop_takes_colours_and_classes_from_the_same_places() -> None:
    windows = Windows(size=32, augmentation=Augmentation.RESIZED_CROP, crop_area=0.2)
    layers, draws = layers_of(90, 120), Draws(0, 0, np.arange(40))
    layers[LABELS] = layers[0] // 20
    numbers = np.stack([draws.uniform() for _ in range(windows.numbers)], axis=1)
    spans = set()
    for own in numbers:
        found = windows.cut(layers, own)
        assert found.shape == (4, 32, 32)
        rows = found[0].astype(float)
        assert (np.abs(found[LABELS] - rows // 20) <= 1).all()
        assert (found[LABELS] == rows // 20).mean() > 0.85
        spans.add(round(float(rows.max() - rows.min())))
    assert min(spans) < 50 < max(spans)


@pytest.mark.parametrize(
    ("size", "expected"), [((100, 60), (100, 60)), ((1000, 500), (200, 100)), ((300, 301), (100, 100))]
)
def test_larger_images_are_reduced_to_a_shorter_side(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert reduced_size(*size, 100) == expected


def test_a_reduced_image_keeps_its_classes() -> None:
    mask = np.repeat(np.repeat(np.arange(20, dtype=np.uint8).reshape(4, 5), 12, 0), 12, 1)
    image = np.repeat(mask[:, :, None] * 12, 3, axis=2)
    layers = reduced(image, mask, 24)
    assert layers.shape == (4, 24, 30)
    np.testing.assert_array_equal(layers[LABELS], np.repeat(np.repeat(np.arange(20).reshape(4, 5), 6, 0), 6, 1))
    assert np.abs(layers[0].astype(int) - 12 * layers[LABELS].astype(int))[2:4, 2:4].max() <= 6
    np.testing.assert_array_equal(reduced(image, mask, 48), np.concatenate((image.transpose(2, 0, 1), mask[None])))
