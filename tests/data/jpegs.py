"""JPEGs with fine detail, in memory."""

import io

import numpy as np
import pytest
from pictures import array
from PIL import Image

from anmok.data import jpeg, turbojpeg

DECODERS = ("turbojpeg", "simplejpeg", "pillow")


def detailed(seed: int, width: int, height: int) -> Image.Image:
    noise = np.random.default_rng(seed).normal(0, 12, (height, width, 3))
    return Image.fromarray((array(seed, width, height) + noise).clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def jpeg_of(seed: int = 0, width: int = 83, height: int = 61, **options: object) -> bytes:
    return encoded(detailed(seed, width, height), **{"quality": 90, **options})


def decode_by(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave only the named decoder and those behind it."""
    if name == "turbojpeg" and turbojpeg.decoder() is None:
        pytest.skip("libjpeg-turbo 3 is not installed: pip install 'anmok[fast]'")
    if name != "turbojpeg":
        monkeypatch.setattr(turbojpeg, "decoder", lambda: None)
    if name == "simplejpeg":
        pytest.importorskip("simplejpeg")
    if name == "pillow":
        monkeypatch.setattr(jpeg, "_simplejpeg", lambda: None)
