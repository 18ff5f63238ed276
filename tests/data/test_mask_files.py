import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anmok.data.mask_files import PALETTE, read_ids, write_ids
from anmok.errors import DataError

IDS = np.random.default_rng(0).integers(0, 4, (9, 13), dtype=np.uint8)


def png(image: Image.Image, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "png", **options)
    return buffer.getvalue()


def with_palette() -> Image.Image:
    image = Image.fromarray(IDS).convert("P")
    image.putpalette([250, 0, 0, 0, 250, 0, 0, 0, 250, 9, 9, 9])
    return image


def of_few_bits(bits: int) -> bytes:
    """A grey PNG of 2 or 4 bits, whose levels are the ids: Pillow does not write one, so its header is changed."""
    indexed = png(with_palette(), bits=bits)
    chunks, position = [], 8
    while position < len(indexed):
        (length,) = struct.unpack(">I", indexed[position : position + 4])
        chunks.append((indexed[position + 4 : position + 8], indexed[position + 8 : position + 8 + length]))
        position += length + 12
    kept = [
        (kind, body[:9] + b"\0" + body[10:] if kind == b"IHDR" else body) for kind, body in chunks if kind != b"PLTE"
    ]
    parts = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in kept]
    return indexed[:8] + b"".join(parts)


@pytest.mark.parametrize(
    "data",
    [
        png(Image.fromarray(IDS)),
        png(with_palette()),
        png(with_palette(), bits=2),
        png(Image.fromarray(IDS.astype(np.uint16))),
        of_few_bits(2),
        of_few_bits(4),
    ],
    ids=["grey", "palette", "palette of 2 bits", "16 bits", "grey of 2 bits", "grey of 4 bits"],
)
def test_ids_are_levels_or_indices_however_they_are_stored(data: bytes) -> None:
    found = read_ids(data, "a.png")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, IDS)


def test_one_bit_is_an_id() -> None:
    np.testing.assert_array_equal(read_ids(png(Image.fromarray(IDS > 1)), "a.png"), IDS > 1)


def test_what_was_written_is_read_and_looks_like_a_palette(tmp_path: Path) -> None:
    ids = np.array([[0, 1, 2], [254, 255, 21]], dtype=np.uint8)
    write_ids(ids, tmp_path / "out" / "a.png")
    data = (tmp_path / "out" / "a.png").read_bytes()
    np.testing.assert_array_equal(read_ids(data, "a.png"), ids)
    with Image.open(BytesIO(data)) as image:
        assert image.mode == "P"
        assert image.convert("RGB").getpixel((1, 0)) == PALETTE[1]


def test_the_palette_is_that_of_pascal_voc() -> None:
    assert PALETTE[:6] == [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128)]
    assert PALETTE[20:22] == [(0, 64, 128), (128, 64, 128)]
    assert PALETTE[255] == (224, 224, 192)
    assert len(set(PALETTE)) == 256


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_colours_are_no_ids(mode: str) -> None:
    with pytest.raises(DataError) as error:
        read_ids(png(Image.new(mode, (4, 4))), "masks/a.png")
    assert str(error.value) == (
        f"A mask has one channel, of class ids: 'masks/a.png' has colours ({mode}). Save it as a grey or palette PNG."
    )


def test_ids_beyond_255_are_refused() -> None:
    with pytest.raises(DataError) as error:
        read_ids(png(Image.fromarray(np.full((2, 2), 1234, dtype=np.uint16))), "masks/a.png")
    assert str(error.value) == "Class ids go up to 255: 'masks/a.png' has 1,234. Number the classes from 0."


def test_a_damaged_file_is_told_by_its_reason() -> None:
    with pytest.raises(OSError, match=r"^it is not an image of a known kind$"):
        read_ids(b"no image", "a.png")
