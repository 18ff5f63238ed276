"""Heat over an image: what is cold stays, what is hot is covered, and a file holds both."""

import numpy as np
import pytest
from PIL import Image

from anmok.explain import overlay, write_overlay


def picture(channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (channels, 24, 36), dtype=np.uint8)


def test_without_heat_the_image_stands_in_grey():
    drawn = overlay(picture(), np.zeros((4, 6)))
    assert np.array_equal(drawn[0], drawn[1])
    assert np.array_equal(drawn[0], drawn[2])
    luma = np.tensordot((0.299, 0.587, 0.114), picture().astype(float), axes=1)
    assert np.abs(drawn[0] - luma).max() <= 0.51


def test_the_hotter_the_lighter_over_an_even_image():
    even = np.full((3, 8, 64), 60, dtype=np.uint8)
    drawn = overlay(even, np.linspace(0, 1, 64)[None].repeat(8, axis=0))
    luma = np.tensordot((0.299, 0.587, 0.114), drawn.astype(float), axes=1)[4]
    assert luma[-1] > luma[32] > luma[8]
    assert drawn[0, 4, -1] > drawn[2, 4, -1] + 80  # yellow


def test_one_channel_is_enough():
    assert overlay(picture(1), np.ones((2, 2))).shape == (3, 24, 36)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_file_shows_the_image_and_beside_it_the_heat(tmp_path, channels):
    pixels, heat = picture(channels), np.random.default_rng(1).random((4, 6))
    write_overlay(tmp_path / "new" / "a.png", pixels, heat)
    with Image.open(tmp_path / "new" / "a.png") as image:
        assert image.format == "PNG"
        seen = np.asarray(image).transpose(2, 0, 1)
    assert np.array_equal(seen[:, :, :36], np.broadcast_to(pixels, (3, 24, 36)))
    assert np.array_equal(seen[:, :, 36:], overlay(pixels, heat))
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.png"]
