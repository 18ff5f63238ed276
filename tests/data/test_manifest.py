from pathlib import Path

import polars as pl
import pytest
from pictures import folder_of

from anmok.data import load_data
from anmok.errors import DataError

ROWS = {"path": ["a/000.png", "a/001.png", "b/000.png", "b/001.png"], "label": ["x", "x", "y", "y"]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return folder_of(tmp_path, {"a": 2, "b": 2})


def written(root: Path, columns: dict[str, list[object]], suffix: str = ".csv") -> Path:
    path, table = root / f"list{suffix}", pl.DataFrame(columns)
    if suffix == ".csv":
        table.write_csv(path)
    else:
        table.write_parquet(path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_every_column_is_read(root: Path, suffix: str) -> None:
    extra = {"split": ["train", "val", "Test", None], "group": ["p1", "p2", None, "p1"], "note": [1, 2, 3, 4]}
    data = load_data(written(root, {**ROWS, **extra}, suffix))
    assert data.name == "list"
    assert data.classes == ("x", "y")
    assert data.samples["label"].to_list() == [0, 0, 1, 1]
    assert data.samples["split"].to_list() == ["train", "select", "test", None]
    assert data.samples["group"].to_list() == ["p1", "p2", None, "p1"]
    assert data.read(3).shape == (32, 32, 3)


def test_a_column_that_is_no_text_is_an_error(root: Path) -> None:
    with pytest.raises(DataError, match=r"The manifest '.*' cannot be read: .*\. Write it as CSV or Parquet with the"):
        load_data(written(root, {**ROWS, "label": [b"\xff"] * 4}, ".parquet"))


def test_numbers_are_labels_too_and_absolute_paths_are_paths(root: Path) -> None:
    paths = [str(root / path) for path in ROWS["path"]]
    data = load_data(written(root, {"path": paths, "label": [0, 0, 1, 1]}, ".parquet"))
    assert data.classes == ("0", "1")
    assert data.read(0).shape == (32, 32, 3)


def test_missing_columns_are_named_with_those_found(root: Path) -> None:
    with pytest.raises(DataError, match=r"columns path and label: '.*' lacks path and has file, label\. Rename"):
        load_data(written(root, {"file": ["a"], "label": ["x"]}))
    with pytest.raises(DataError, match=r"lacks path and label and has file\. Rename its columns\."):
        load_data(written(root, {"file": ["a"]}))


def test_missing_files_are_counted_and_the_first_is_named(root: Path) -> None:
    paths = ["a/000.png", "a/9.png", "b/8.png", "b/001.png"]
    with pytest.raises(DataError, match=r"must exist: 2 of 4 that '.*' lists do not, the first is 'a/9\.png'\. Give"):
        load_data(written(root, {**ROWS, "path": paths}))


@pytest.mark.parametrize("column", ["path", "label"])
def test_empty_cells_are_an_error(root: Path, column: str) -> None:
    cells = ["a/000.png", " ", None, "b/001.png"]
    with pytest.raises(DataError, match=rf"needs a {column}: '.*' has 2 without, first row 2\. Fill in the {column}"):
        load_data(written(root, {**ROWS, column: cells}))


def test_unknown_splits_are_an_error(root: Path) -> None:
    splits = ["train", "dev", "test", None]
    with pytest.raises(DataError, match=r"one of train, select, test: '.*' has 'dev'\. Rename it, or leave it empty"):
        load_data(written(root, {**ROWS, "split": splits}))


def test_a_manifest_without_rows_is_an_error(root: Path) -> None:
    with pytest.raises(DataError, match=r"needs images: the manifest '.*' lists none\. Add rows\."):
        load_data(written(root, {"path": [], "label": []}))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_cannot_be_parsed_is_an_error(root: Path, suffix: str) -> None:
    path = root / f"broken{suffix}"
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"The manifest '.*' cannot be read: .*\. Write it as CSV or Parquet with the"):
        load_data(path)
    path.write_bytes(b"path,label\n\xff\xfe\x00,1,2,3\n")
    with pytest.raises(DataError, match=r"The manifest '.*' cannot be read: .*\. Write it as CSV or Parquet with the"):
        load_data(path)
