import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import array, picture
from PIL import Image

from anmok.data.decode import decode, read_image
from anmok.errors import DataError

# Where the four corners of the stored image belong, by orientation: EXIF 2.32, tag 0x0112.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


def encoded(image: Image.Image, kind: str, **options: object) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_images_are_turned_upright(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = encoded(picture(0), kind, exif=exif)
    plain = decode(encoded(picture(0), kind)).pixels
    decoded = decode(stored)
    assert np.array_equal(decoded.pixels, UPRIGHT[orientation](plain))
    assert (decoded.height, decoded.width) == decoded.pixels.shape[:2]


def test_grey_one_bit_and_palette_images_become_rgb() -> None:
    grey = picture(1).convert("L")
    levels = np.repeat(np.asarray(grey)[:, :, None], 3, axis=2)
    assert np.array_equal(decode(encoded(grey, "PNG")).pixels, levels)
    bits = grey.convert("1")
    assert set(np.unique(decode(encoded(bits, "PNG")).pixels)) == {0, 255}
    palette = picture(1).quantize(16)
    assert np.array_equal(decode(encoded(palette, "PNG")).pixels, np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_composited_on_white(mode: str) -> None:
    image = picture(2).convert("L" if mode == "LA" else "RGB")
    alpha = Image.new("L", image.size, 0)
    alpha.paste(255, (0, 0, 10, 40))
    alpha.paste(128, (10, 0, 20, 40))
    image.putalpha(alpha)
    pixels = decode(encoded(image, "PNG")).pixels
    opaque = np.asarray(image.convert("RGB"))
    assert np.array_equal(pixels[:, :10], opaque[:, :10])
    mixed = opaque[:, 10:20] * (128 / 255) + 255 * (127 / 255)
    assert np.abs(pixels[:, 10:20] - mixed).max() <= 1
    assert (pixels[:, 20:] == 255).all()


def test_a_transparent_palette_colour_is_white() -> None:
    image = Image.new("P", (8, 6), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.paste(0, (0, 0, 4, 6))
    pixels = decode(encoded(image, "PNG", transparency=0)).pixels
    assert (pixels[:, :4] == 255).all()
    assert (pixels[:, 4:] == (10, 20, 30)).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_to_eight(kind: str) -> None:
    levels = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    pixels = decode(encoded(Image.fromarray(levels), kind)).pixels
    assert np.array_equal(pixels[:, :, 0].ravel(), np.arange(256))
    assert (pixels == pixels[:, :, :1]).all()


def test_cmyk_jpeg_becomes_rgb() -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    pixels = decode(encoded(image, "JPEG", quality=95)).pixels
    assert np.abs(pixels.astype(int) - (255, 0, 0)).max() <= 3


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    pixels = decode(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])).pixels
    assert (pixels == (255, 0, 0)).all()


def test_a_large_jpeg_is_decoded_at_reduced_scale_and_its_true_size_told() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = encoded(picture(3, 400, 320), "JPEG", exif=exif)
    decoded = decode(file, at_least=60)
    assert decoded.pixels.shape == (100, 80, 3)
    assert (decoded.height, decoded.width) == (400, 320)
    whole = decode(file).pixels
    assert np.abs(whole.reshape(100, 4, 80, 4, 3).mean((1, 3)) - decoded.pixels).mean() < 2


def test_a_truncated_jpeg_is_refused_at_every_scale(tmp_path: Path) -> None:
    path = tmp_path / "half.jpg"
    data = encoded(picture(4, 400, 320), "JPEG").getvalue()
    path.write_bytes(data[: len(data) // 2])
    for at_least in (None, 50):
        with pytest.raises(OSError, match="image file is truncated"):
            decode(path, at_least=at_least)
    with pytest.raises(DataError, match=r"'.*half.jpg' cannot be read: image file is truncated .* Replace or"):
        read_image(path)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.png"
    path.write_text("not an image")
    with pytest.raises(DataError, match=r"'.*text.png' cannot be read: it is not an image of a known kind\."):
        read_image(path)
    with pytest.raises(DataError, match=r"'gone\.png' cannot be read: no such file or directory\."):
        read_image(Path("gone.png"))


def test_floating_point_pixels_are_refused() -> None:
    image = Image.fromarray(np.zeros((4, 4), dtype=np.float32))
    with pytest.raises(OSError, match="its pixels are floating-point numbers without a defined white"):
        decode(encoded(image, "TIFF"))


def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    file = encoded(Image.new("L", (300, 300)), "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(OSError, match="it has so many pixels that it may be a decompression bomb"):
        decode(file)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, about metadata
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000"]),
    cut=st.integers(0, 400),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8),
)
def test_damaged_bytes_never_raise_anything_but_oserror(kind: str, cut: int, changes: list[tuple[int, int]]) -> None:
    data = bytearray(encoded(Image.fromarray(array(5, 16, 12)), kind).getvalue())
    for place, value in changes:
        data[place % len(data)] = value
    with contextlib.suppress(OSError):
        decode(io.BytesIO(bytes(data[: len(data) - cut])))
