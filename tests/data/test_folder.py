from pathlib import Path

import pytest
from pictures import folder_of, picture

from anmok.data import load_data
from anmok.errors import DataError


def test_each_folder_is_a_class(tmp_path: Path) -> None:
    data = load_data(folder_of(tmp_path / "pets", {"dog": 3, "cat": 2}))
    assert data.name == "pets"
    assert data.classes == ("cat", "dog")
    assert data.samples.columns == ["id", "path", "label", "split", "group"]
    assert data.samples["path"].to_list() == [f"cat/{i:03}.png" for i in (0, 1)] + [f"dog/{i:03}.png" for i in range(3)]
    assert data.samples["label"].to_list() == [0, 0, 1, 1, 1]
    assert data.samples["split"].null_count() == data.samples["group"].null_count() == 5
    assert data.read(0).shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("train", "test"), {"train", "test"}),
        (("Train", "VAL", "test"), {"train", "select", "test"}),
        (("training", "valid", "testing"), {"train", "select", "test"}),
        (("train", "validation"), {"train", "select"}),
    ],
)
def test_split_folders_are_splits_and_never_classes(tmp_path: Path, names: tuple[str, ...], splits: set[str]) -> None:
    for name in names:
        folder_of(tmp_path / name, {"cat": 2, "dog": 2})
    data = load_data(tmp_path)
    assert data.classes == ("cat", "dog")
    assert set(data.samples["split"]) == splits
    assert len(data.samples) == 4 * len(names)


def test_nested_folders_belong_to_their_class_and_the_rest_is_skipped(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cat": 2, "dog": 2, "dog/old/scans": 1, ".cache": 2, "dog/.thumbs": 2})
    (tmp_path / "cat" / "notes.txt").write_text("x")
    picture(9).save(tmp_path / "cat" / ".hidden.png")
    picture(9).save(tmp_path / "preview.JPG", "JPEG")
    data = load_data(tmp_path)
    assert data.classes == ("cat", "dog")
    assert len(data.samples) == 5
    assert data.strays == ("preview.JPG",)


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    folder_of(tmp_path / "elsewhere", {"dogs": 2})
    root = folder_of(tmp_path / "pets", {"cat": 2})
    (root / "dog").symlink_to(tmp_path / "elsewhere" / "dogs")
    (root / "cat" / "again").symlink_to(root)
    data = load_data(root)
    assert data.samples["path"].to_list() == ["cat/000.png", "cat/001.png", "dog/000.png", "dog/001.png"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"No folder, manifest or built-in data set is called '.*pets'\. Give a folder, a"
    ):
        load_data(tmp_path / "pets")


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"A data set needs images: the folder '.*' is empty\. Give a folder with"):
        load_data(tmp_path)


def test_a_folder_of_other_files_is_an_error_that_names_their_kind(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.heic").write_text("x")
    with pytest.raises(DataError, match=r"'.*' holds none, but 3 files with \.heic\. Give a folder with"):
        load_data(tmp_path)


@pytest.mark.parametrize(("inside", "where"), [("", "directly"), ("train", "directly in its split folders")])
def test_images_without_class_folders_are_an_error(tmp_path: Path, inside: str, where: str) -> None:
    folder_of(tmp_path, {inside: 4})
    with pytest.raises(DataError, match=rf"one folder per class: '.*' holds 4 {where}\. Move them into folders"):
        load_data(tmp_path)


def test_split_folders_beside_class_folders_are_an_error(tmp_path: Path) -> None:
    folder_of(tmp_path, {"train/cat": 2, "train/dog": 2, "zebra": 2})
    with pytest.raises(DataError, match=r"beside class folders: '.*' has 'train' and 'zebra'\. Move the class"):
        load_data(tmp_path)


def test_one_class_is_an_error(tmp_path: Path) -> None:
    folder_of(tmp_path, {"train/cat": 2, "test/cat": 3})
    with pytest.raises(DataError, match=r"at least two classes: '.*' has only 'cat'\. Add a folder"):
        load_data(tmp_path)


def test_a_class_with_one_image_is_an_error(tmp_path: Path) -> None:
    folder_of(tmp_path, {"cat": 3, "dog": 1})
    with pytest.raises(DataError, match=r"at least 2 images: 'dog' has 1\. Add images or remove the class\."):
        load_data(tmp_path)
    folder_of(tmp_path, {"a": 1, "b": 1, "e": 1, "f": 1})
    with pytest.raises(DataError, match=r"at least 2 images: 'a', 'b', 'dog' and 2 others have 1\. Add"):
        load_data(tmp_path)
