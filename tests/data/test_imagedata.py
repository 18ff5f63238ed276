import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pictures import folder_of
from PIL import Image

from anmok.data import ImageData, load_data, pack
from anmok.data.imagedata import list_samples, split_of
from anmok.errors import DataError


def a_folder(root: Path) -> ImageData:
    return load_data(folder_of(root / "pets", {"cat": 3, "dog": 2}))


def a_manifest(root: Path) -> ImageData:
    paths = [f"pets/{path}" for path in a_folder(root).samples["path"]]
    pl.DataFrame({"path": paths, "label": ["cat"] * 3 + ["dog"] * 2}).write_csv(root / "list.csv")
    return load_data(root / "list.csv")


def shards(root: Path) -> ImageData:
    pack(a_folder(root), root / "shards", size=20_000)
    return load_data(root / "shards")


def a_table(root: Path) -> ImageData:
    data = a_folder(root)
    cells = [{"bytes": data.bytes(id), "path": data.path(id)} for id in range(5)]
    pl.DataFrame({"image": cells, "label": [0, 0, 0, 1, 1]}).write_parquet(root / "train.parquet")
    return load_data(root / "train.parquet")


@pytest.mark.parametrize("source", [a_folder, a_manifest, shards, a_table, lambda root: load_data("fashion")])
@pytest.mark.usefixtures("cache")
def test_every_source_gives_files_and_their_pixels_in_threads_and_in_copies(
    source: Callable[[Path], ImageData], tmp_path: Path
) -> None:
    data = source(tmp_path)
    copy = pickle.loads(pickle.dumps(data))
    ids = list(range(5)) * 4
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(data.bytes, ids))
    for id, file in zip(ids, files, strict=True):
        assert copy.bytes(id) == file
        pixels = np.asarray(Image.open(BytesIO(file)).convert("RGB"))
        np.testing.assert_array_equal(data.read(id), pixels)
    decoded = data.decode(0, at_least=8)
    assert (decoded.height, decoded.width) == decoded.pixels.shape[:2]


def test_a_file_that_has_gone_is_named(tmp_path: Path) -> None:
    data = a_folder(tmp_path)
    (tmp_path / "pets" / "cat" / "001.png").unlink()
    with pytest.raises(OSError, match=r"^no such file or directory$"):
        data.bytes(1)
    with pytest.raises(DataError, match=r"^The image 'cat/001\.png' cannot be read: no such file or directory\. Rep"):
        data.read(1)


@pytest.mark.parametrize(
    ("names", "classes"), [(["10", "9", "1"], ("1", "9", "10")), (["b", "10", "9"], ("10", "9", "b"))]
)
def test_classes_are_sorted_and_numbers_by_their_value(names: list[str], classes: tuple[str, ...]) -> None:
    found, samples = list_samples(["x"] * 3, names)
    assert found == classes
    assert [found[label] for label in samples["label"]] == names


@pytest.mark.parametrize(
    ("file", "split"),
    [
        ("shards/train-0001.tar", "train"),
        ("imagenet-val-000.tar", "select"),
        ("data/validation-00000-of-00001.parquet", "select"),
        ("default/test/0000.parquet", "test"),
        ("test/photos/0000.tar", None),
        ("contest-0001.tar", None),
        ("train-test.tar", None),
    ],
)
def test_a_split_is_a_word_of_the_files_or_its_folders_name(file: str, split: str | None) -> None:
    assert split_of(file) == split
