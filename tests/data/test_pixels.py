from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pictures import array, folder_of, picture
from PIL import Image
from test_findings import CLEAN

from anmok.data import Spread, image_size, load_data, prepare, prepare_file, read_pixels, write_pixels
from anmok.errors import DataError


@pytest.mark.parametrize(("median", "size"), [(5, 28), (28, 28), (31, 28), (50, 48), (64, 64), (3000, 64)])
def test_the_image_size_is_a_multiple_of_four_within_the_bounds(median: int, size: int) -> None:
    assert image_size(replace(CLEAN, short_side=Spread(1, median, 9999))) == size


def test_the_bounds_of_the_image_size_can_be_moved() -> None:
    health = replace(CLEAN, short_side=Spread(1, 200, 9999))
    assert image_size(health, lowest=32, highest=224) == 200
    assert image_size(health, highest=96) == 96


def test_a_square_of_the_right_size_is_left_as_it_is() -> None:
    image = array(0, 32, 32)
    assert np.array_equal(prepare(image, 32), image.transpose(2, 0, 1))


@pytest.mark.parametrize(("width", "height"), [(90, 60), (60, 90)])
def test_the_shorter_side_is_resized_and_the_middle_cut_out(width: int, height: int) -> None:
    image = array(1, width, height)
    left, top = (width - 60) // 6, (height - 60) // 6
    whole = Image.fromarray(image).resize((width // 3, height // 3), Image.Resampling.BICUBIC)
    expected = np.asarray(whole)[top : top + 20, left : left + 20]
    assert np.array_equal(prepare(image, 20), expected.transpose(2, 0, 1))


def test_resizing_does_not_alias() -> None:
    """A fine checkerboard becomes its mean, where sampling every tenth pixel would keep black or white."""
    board = ((np.indices((160, 160)).sum(0) % 2) * 255).astype(np.uint8)
    prepared = prepare(np.repeat(board[:, :, None], 3, axis=2), 16)
    assert np.abs(prepared.astype(int) - 127).max() <= 3


def test_pixels_are_written_in_the_order_of_the_ids(tmp_path: Path) -> None:
    data = load_data(folder_of(tmp_path / "pets", {"cat": 200, "dog": 100}))
    ids = np.random.default_rng(0).permutation(300).tolist()
    told: list[tuple[int, int]] = []
    path = tmp_path / "cache" / "pixels.npy"
    write_pixels(data, ids, 16, path, progress=lambda done, total: told.append((done, total)))
    pixels = read_pixels(path)
    assert isinstance(pixels, np.memmap)
    assert pixels.shape == (300, 3, 16, 16)
    assert told[-1] == (300, 300)
    for row in (0, 17, 299):
        assert np.array_equal(pixels[row], prepare(data.read(ids[row]), 16))
    assert [file.name for file in path.parent.iterdir()] == ["pixels.npy"]


def test_a_single_file_is_prepared_as_in_a_run(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(2):
            picture(number, 700, 500).save(tmp_path / name / f"{number}.jpg")
    data = load_data(tmp_path)
    write_pixels(data, [3], 32, tmp_path / "pixels.npy")
    alone = prepare_file(tmp_path / "dog" / "1.jpg", 32)
    assert np.array_equal(read_pixels(tmp_path / "pixels.npy")[0], alone)
    assert np.abs(alone.astype(int) - prepare(data.read(3), 32)).mean() < 1


def test_a_failure_leaves_no_file_behind(tmp_path: Path) -> None:
    data = load_data(folder_of(tmp_path / "pets", {"cat": 3, "dog": 3}))
    (tmp_path / "pets" / "dog" / "001.png").write_text("x")
    (tmp_path / "cache").mkdir()
    with pytest.raises(DataError, match=r"The image 'dog/001\.png' cannot be read: it is not an image of a known"):
        write_pixels(data, list(range(6)), 16, tmp_path / "cache" / "pixels.npy")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("content", [None, b"", b"\x93NUMPY\x01\x00 and then nothing"])
def test_pixels_that_cannot_be_read_are_an_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "pixels.npy"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"The decoded images '.*' cannot be read: .*\. Delete the file to decode"):
        read_pixels(path)
