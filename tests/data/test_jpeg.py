import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jpegs import DECODERS, decode_by, detailed, encoded, jpeg_of
from PIL import Image

from anmok.data.jpeg import Jpeg, read_jpeg


def by_pillow(data: bytes, denominator: int = 1) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    image.draft(None, (image.width // denominator, image.height // denominator))
    return np.asarray(image.convert("RGB")).astype(int)


def opened(data: bytes) -> Jpeg:
    found = read_jpeg(data)
    assert found is not None
    return found


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x010F] = "a camera"
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 2}, {"optimize": True, "dpi": (72, 72)}]
)
def test_the_size_is_read_without_decoding(options: dict[str, object]) -> None:
    jpeg = opened(jpeg_of(width=83, height=61, **options))
    assert (jpeg.height, jpeg.width, jpeg.orientation) == (61, 83, 1)
    assert opened(encoded(detailed(0, 30, 20).convert("L"))).width == 30


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_exifs_orientation_is_read(orientation: int, order: str) -> None:
    tags = exif(orientation)
    tags.endian = order
    assert opened(jpeg_of(exif=tags)).orientation == orientation


def test_an_orientation_that_does_not_exist_means_upright() -> None:
    assert opened(jpeg_of(exif=exif(9))).orientation == 1


def test_exif_goes_before_xmp_and_an_orientation_in_xmp_alone_is_left_to_pillow() -> None:
    xmp = b'<x tiff:Orientation="6"/>'
    assert opened(jpeg_of(exif=exif(3), xmp=xmp)).orientation == 3
    assert read_jpeg(jpeg_of(xmp=xmp)) is None


@pytest.mark.parametrize(
    "data",
    [
        encoded(detailed(0, 30, 20), "PNG"),
        encoded(detailed(0, 30, 20).convert("CMYK")),
        jpeg_of()[:40],
        b"\xff\xd8",
        b"\xff\xd8\xff\xe1\x00\x09Exif\0\0I",
        b"\xff\xd8\xff\xc9" + bytes(20),  # arithmetic coding
        b"",
    ],
)
def test_what_is_not_a_plain_jpeg_is_left_to_pillow(data: bytes) -> None:
    assert read_jpeg(data) is None


def test_a_jpeg_of_too_many_pixels_is_left_to_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)
    assert read_jpeg(jpeg_of(width=83, height=61)) is None
    assert read_jpeg(jpeg_of(width=80, height=61)) is not None


@pytest.mark.parametrize("decoder", DECODERS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_region_is_what_pillow_decodes_to_the_bit(
    decoder: str, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    with monkeypatch.context() as patch:
        decode_by(decoder, patch)
        width, height = data.draw(st.integers(17, 90)), data.draw(st.integers(17, 90))
        options = {"subsampling": data.draw(st.integers(0, 2)), "progressive": data.draw(st.booleans())}
        picture = detailed(data.draw(st.integers(0, 3)), width, height)
        file = encoded(picture.convert("L") if data.draw(st.booleans()) else picture, quality=85, **options)
        denominator = data.draw(st.sampled_from([1, 2, 4, 8]))
        whole = by_pillow(file, denominator)
        top, left = (data.draw(st.integers(0, side - 1)) for side in whole.shape[:2])
        rows, columns = (
            data.draw(st.integers(1, whole.shape[0] - top)),
            data.draw(st.integers(1, whole.shape[1] - left)),
        )
        region = opened(file).region(top, left, (rows, columns), denominator)
        assert np.array_equal(region, whole[top : top + rows, left : left + columns])


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_file_that_is_cut_off_is_refused_even_where_the_region_is_there(
    decoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode_by(decoder, monkeypatch)
    data = jpeg_of(width=200, height=200)
    for end in (b"", b"\0\0"):
        with pytest.raises(OSError, match=r"^image file is truncated \(\d+ bytes not processed\)$|^broken data stream"):
            opened(data[: len(data) // 2] + end).region(0, 0, (16, 16), 1)


@pytest.mark.parametrize("decoder", DECODERS)
def test_bytes_after_the_image_do_no_harm(decoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decode_by(decoder, monkeypatch)
    data = jpeg_of()
    region = opened(data + b"a film of the moment before").region(8, 8, (20, 30), 1)
    assert np.array_equal(region, by_pillow(data)[8:28, 8:38])


@pytest.mark.parametrize("decoder", DECODERS)
def test_damage_that_pillow_overlooks_gives_pillows_pixels(decoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decode_by(decoder, monkeypatch)
    data = bytearray(jpeg_of(width=120, height=120, subsampling=0))
    data[len(data) // 2 : len(data) // 2 + 12] = b"\xff\xd3" * 6  # restart markers where none belong
    whole = by_pillow(bytes(data))
    assert np.array_equal(opened(bytes(data)).region(0, 0, (120, 120), 1), whole)
