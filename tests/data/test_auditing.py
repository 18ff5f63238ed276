from pathlib import Path

import numpy as np
import pytest
from pictures import folder_of, picture
from PIL import Image

from anmok.data import Unreadable, audit, load_data
from anmok.errors import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "pets", {"cat": 12, "dog": 12})


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def test_a_clean_folder(root: Path) -> None:
    told: list[tuple[int, int]] = []
    result = audit(load_data(root), progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (24, 24)
    assert result.class_counts == {"cat": 12, "dog": 12}
    assert result.unreadable == result.exact_duplicates == result.near_duplicates == result.label_conflicts == []
    assert (result.width.smallest, result.width.median, result.width.largest) == (32, 32, 32)
    assert result.grey_share == 0
    assert [finding.severity for finding in result.findings()] == ["info"] * 3


def test_an_unreadable_file_is_listed_and_the_rest_is_audited(root: Path) -> None:
    truncate(root / "dog" / "003.png")
    result = audit(load_data(root))
    (bad,) = result.unreadable
    assert (bad.id, bad.path) == (15, "dog/003.png")
    assert isinstance(bad, Unreadable)
    assert "truncated" in bad.reason or "broken" in bad.reason
    assert result.class_counts == {"cat": 12, "dog": 11}
    assert result.num_images == 24


def test_all_files_unreadable_is_an_error(root: Path) -> None:
    for path in root.rglob("*.png"):
        path.write_text("x")
    with pytest.raises(DataError, match=r"none of the 24 of 'pets' can, first 'cat/000\.png': it is not an image of"):
        audit(load_data(root))


def test_a_class_that_loses_its_images_is_an_error(root: Path) -> None:
    for path in sorted((root / "dog").iterdir())[1:]:
        truncate(path)
    with pytest.raises(DataError, match=r"that can be read: 'dog' has 1; 'dog/001\.png' cannot be read: .*\. Replace"):
        audit(load_data(root))


def test_exact_duplicates_have_the_same_pixels_in_any_format(root: Path) -> None:
    picture(0, 32, 32).save(root / "cat" / "copy.bmp")
    result = audit(load_data(root))
    assert result.exact_duplicates == [[0, 12]]
    assert result.near_duplicates == result.label_conflicts == []


def test_near_duplicates_are_grouped_with_exact_copies(root: Path) -> None:
    picture(0, 32, 32).save(root / "cat" / "again.png")
    picture(0, 32, 32).save(root / "cat" / "small.jpg", quality=95, subsampling=0)
    picture(0, 40, 40).save(root / "cat" / "wide.png")
    data = load_data(root)
    result = audit(data)
    assert [[data.path(id) for id in group] for group in result.exact_duplicates] == [["cat/000.png", "cat/again.png"]]
    assert result.distinct_counts == {"cat": 12, "dog": 12}
    (group,) = result.near_duplicates
    assert {data.path(id) for id in group} == {f"cat/{n}" for n in ("000.png", "again.png", "small.jpg", "wide.png")}


def test_one_picture_under_two_labels_is_a_conflict(root: Path) -> None:
    picture(0, 32, 32).save(root / "dog" / "cat.png")
    result = audit(load_data(root))
    assert result.label_conflicts == result.exact_duplicates == [[0, 24]]
    assert result.distinct_counts == result.class_counts == {"cat": 12, "dog": 13}


def test_leaks_leave_the_training_side(tmp_path: Path) -> None:
    for seed, split in enumerate(("train", "val", "test")):
        folder_of(tmp_path / split, {"cat": 3, "dog": 3}, seed=100 * seed)
    for split in ("train", "val", "test"):
        picture(999, 32, 32).save(tmp_path / split / "cat" / "everywhere.png")
    picture(998, 32, 32).save(tmp_path / "train" / "dog" / "leak.png")
    picture(998, 32, 32).save(tmp_path / "val" / "dog" / "leak.jpg", quality=95, subsampling=0)
    data = load_data(tmp_path)
    result = audit(data)
    assert len(result.leaks) == 2
    assert [data.path(id) for id in result.leaked] == [
        "train/cat/everywhere.png",
        "train/dog/leak.png",
        "val/cat/everywhere.png",
    ]
    assert result.num_select == 7


def test_odd_sizes_aspects_and_grey_images_are_found(root: Path) -> None:
    picture(50, 300, 200).save(root / "cat" / "large.png")
    picture(51, 5, 5).save(root / "cat" / "tiny.png")
    picture(52, 120, 30).save(root / "cat" / "wide.png")
    picture(53, 32, 32).convert("L").save(root / "cat" / "xgrey.png")
    data = load_data(root)
    result = audit(data)
    assert [data.path(id) for id in result.odd_sizes] == ["cat/large.png", "cat/tiny.png"]
    assert [data.path(id) for id in result.odd_aspects] == ["cat/wide.png"]
    assert result.grey_share == 1 / 28
    assert (result.height.smallest, result.height.largest) == (5, 200)
    assert (result.width.smallest, result.width.largest) == (5, 300)


def test_sizes_are_those_of_the_files_even_when_decoded_smaller(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(2):
            exif = Image.Exif()
            exif[0x0112] = 8
            picture(number + ord(name), 900, 600).save(tmp_path / name / f"{number}.jpg", exif=exif)
    result = audit(load_data(tmp_path))
    assert (result.width.median, result.height.median, result.short_side.median) == (600, 900, 600)


def test_the_audit_does_not_depend_on_the_number_of_threads(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(0, 32, 32).save(root / "dog" / "copy.png")
    first = audit(load_data(root))
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    assert audit(load_data(root)) == first


def test_the_built_in_set_is_clean() -> None:
    result = audit(load_data("fashion"))
    assert result.unreadable == result.exact_duplicates == result.label_conflicts == result.leaks == []
    assert sum(map(len, result.near_duplicates)) < 10
    assert result.grey_share == 1
    assert result.num_select == 800
    assert np.isclose(result.resolvable, 100 * 2 * np.sqrt(0.1 / 800))
