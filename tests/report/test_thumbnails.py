"""Images survive the way into the page."""

import base64
import io

import numpy as np
from PIL import Image

from anmok.report.thumbnails import SIDE, thumbnail


def test_tiny_images_are_kept_without_loss() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    image = _decode(thumbnail(pixels), "png")
    assert np.array_equal(np.asarray(image), pixels.transpose(1, 2, 0))


def test_large_images_are_reduced() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 512, 256), dtype=np.uint8)
    uri = thumbnail(pixels)
    assert _decode(uri, "jpeg").size == (SIDE // 2, SIDE)
    assert len(uri) < 12_000


def _decode(uri: str, form: str) -> Image.Image:
    head, _, body = uri.partition(",")
    assert head == f"data:image/{form};base64"
    return Image.open(io.BytesIO(base64.b64decode(body)))
