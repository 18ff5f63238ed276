from collections import Counter
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from test_findings import CLEAN

from anmok.data import Audit, ImageData, Unreadable, make_splits, nested_fraction, read_splits, write_splits
from anmok.data.imagedata import FileReader, list_samples
from anmok.data.splits import expected_select
from anmok.errors import DataError, RequestError


def listed(
    names: list[str], splits: list[str | None] | None = None, groups: list[str | None] | None = None
) -> ImageData:
    paths = [f"{name}/{number}.png" for number, name in enumerate(names)]
    classes, samples = list_samples(paths, names, splits=splits, groups=groups)
    encoded = FileReader(Path(), samples["path"])
    return ImageData(name="made up", classes=classes, samples=samples, encoded=encoded)


def audited(**found: object) -> Audit:
    return replace(CLEAN, **found)


def counts(splits: pl.DataFrame) -> dict[tuple[int, str], int]:
    return Counter(splits.select("label", "split").iter_rows())


def test_a_plain_folder_is_cut_by_fifths() -> None:
    splits = make_splits(listed(["cat"] * 100 + ["dog"] * 50), audited(), seed=0)
    assert splits.columns == ["id", "path", "label", "split", "group"]
    assert counts(splits) == {
        (0, "train"): 64,
        (0, "select"): 16,
        (0, "test"): 20,
        (1, "train"): 32,
        (1, "select"): 8,
        (1, "test"): 10,
    }


@pytest.mark.parametrize(
    ("images", "train", "select", "test"), [(2, 1, 0, 1), (3, 1, 1, 1), (4, 2, 1, 1), (5, 2, 2, 1), (10, 6, 2, 2)]
)
def test_small_classes_are_in_every_split_where_possible(images: int, train: int, select: int, test: int) -> None:
    found = counts(make_splits(listed(["cat"] * images + ["dog"] * 50), audited(), seed=3))
    assert [found[0, split] for split in ("train", "select", "test")] == [train, select, test]


def test_the_seed_decides() -> None:
    data = listed(["cat"] * 30 + ["dog"] * 30)
    first, again, other = (make_splits(data, audited(), seed=seed) for seed in (5, 5, 6))
    assert_frame_equal(first, again)
    assert not first.equals(other)


def test_given_splits_are_kept_and_only_the_missing_one_is_cut() -> None:
    given = ["train"] * 20 + ["test"] * 5
    splits = make_splits(listed(["cat", "dog"] * 12 + ["cat"], given), audited(), seed=0)
    assert (splits["split"] == "test").to_list() == [split == "test" for split in given]
    assert Counter(splits["split"]) == {"train": 16, "select": 4, "test": 5}
    complete = [*["train"] * 10, *["select"] * 8, *["test"] * 7]
    splits = make_splits(listed(["cat", "dog"] * 12 + ["cat"], complete), audited(), seed=0)
    assert splits["split"].to_list() == complete


def test_images_without_a_split_join_their_group_or_train() -> None:
    given = ["train", "train", "test", "test", "select", "select", None, None]
    groups = [None, None, "p", None, "q", None, "p", None]
    splits = make_splits(listed(["cat", "dog"] * 4, given, groups), audited(), seed=0)
    assert splits["split"].to_list()[6:] == ["test", "train"]


def test_an_image_that_is_tied_to_two_given_splits_is_left_out() -> None:
    given = ["train", "train", "test", "test", "select", "select", None]
    groups = ["p", None, None, None, None, None, "p"]
    near = audited(near_duplicates=[[2, 6]])
    splits = make_splits(listed(["cat", "dog"] * 3 + ["cat"], given, groups), near, seed=0)
    assert splits["id"].to_list() == [0, 1, 2, 3, 4, 5]


def test_unreadable_and_leaked_images_are_left_out() -> None:
    given = ["train"] * 10 + ["test"] * 4
    found = audited(unreadable=[Unreadable(3, "x", "y")], exact_duplicates=[[0, 10]], leaked=[0])
    splits = make_splits(listed(["cat", "dog"] * 7, given), found, seed=0)
    assert splits["id"].to_list() == [1, 2, *range(4, 14)]


@settings(max_examples=60)
@given(st.data())
def test_no_group_crosses_splits_and_nothing_is_lost(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from("abc"), min_size=12, max_size=80)) + list("abcabcabc")
    ids = st.integers(0, len(names) - 1)
    duplicates = data.draw(st.lists(st.lists(ids, min_size=2, max_size=4, unique=True), max_size=6))
    groups = [data.draw(st.sampled_from([None, None, "p", "q"])) for _ in names]
    splits = make_splits(listed(names, groups=groups), audited(near_duplicates=duplicates), seed=1)
    assert splits["id"].to_list() == list(range(len(names)))
    placed = splits["split"].to_list()
    assert set(placed) <= {"train", "select", "test"}
    same = [[id for id, group in enumerate(groups) if group == name] for name in ("p", "q")]
    for members in chain(duplicates, same):
        assert len({placed[id] for id in members}) <= 1
    free = Counter(names[id] for id in set(range(len(names))) - set(chain(*duplicates, *same)))
    for label, name in enumerate("abc"):
        assert counts(splits)[label, "train"] > 0
        if free[name] >= 3:
            assert counts(splits)[label, "select"] > 0
            assert counts(splits)[label, "test"] > 0


@settings(max_examples=50)
@given(st.lists(st.integers(3, 200), min_size=2, max_size=5), st.integers(0, 99))
def test_every_class_gives_the_same_shares(sizes: list[int], seed: int) -> None:
    names = [str(label) for label, size in enumerate(sizes) for _ in range(size)]
    found = counts(make_splits(listed(names), audited(), seed=seed))
    for label, size in enumerate(sizes):
        test = max(1, int(0.2 * size + 0.5))
        assert found[label, "test"] == test
        rest = size - test
        assert found[label, "select"] == max(int(0.2 * rest + 0.5), min(2, rest // 2))


def test_large_groups_leave_something_for_every_split() -> None:
    groups = ["p"] * 40 + ["q"] * 40 + ["r"] * 40
    found = counts(make_splits(listed(["cat", "dog"] * 60, groups=groups), audited(), seed=0))
    assert set(found.values()) == {20}
    assert len(found) == 6


def test_the_expected_size_of_the_select_split() -> None:
    assert expected_select([None] * 1000) == 160
    assert expected_select(["train"] * 1000 + ["test"] * 50) == 200
    assert expected_select(["train"] * 1000 + ["select"] * 7) == 7


def test_a_group_in_two_given_splits_is_an_error() -> None:
    data = listed(["cat", "dog"] * 3, ["train", "train", "test", "test", "train", "train"], ["p", None] * 3)
    with pytest.raises(DataError, match=r"stays in one split: 'p' of 'made up' is in test and train\. Give all its"):
        make_splits(data, audited(), seed=0)


def test_a_class_without_training_images_is_an_error() -> None:
    data = listed(["cat", "dog"] * 4, ["train", "test"] * 4)
    with pytest.raises(DataError, match=r"to train on: 'dog' of 'made up' has none outside its given select and test"):
        make_splits(data, audited(), seed=0)


def test_splits_are_written_and_read(tmp_path: Path) -> None:
    splits = make_splits(listed(["cat", "dog"] * 10, groups=["p", None] * 10), audited(), seed=0)
    write_splits(splits, tmp_path / "run" / "splits.parquet")
    assert_frame_equal(read_splits(tmp_path / "run" / "splits.parquet"), splits)


@pytest.mark.parametrize("content", [None, b"", b"not a table at all"])
def test_splits_that_cannot_be_read_are_an_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "splits.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"The splits '.*' cannot be read: .*\. Delete the file to split again\."):
        read_splits(path)


@settings(max_examples=50)
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=200),
    st.floats(0.01, 1),
    st.floats(0.01, 1),
    st.integers(0, 9),
)
def test_smaller_fractions_lie_inside_larger_ones(labels: list[int], a: float, b: float, seed: int) -> None:
    ids = np.random.default_rng(0).permutation(10_000)[: len(labels)]
    small, large = sorted((a, b))
    inner = nested_fraction(ids, np.array(labels), small, seed)
    outer = nested_fraction(ids, np.array(labels), large, seed)
    assert set(inner) <= set(outer) <= set(ids)
    assert (np.diff(inner) > 0).all()
    label_of = dict(zip(ids.tolist(), labels, strict=True))
    taken = Counter(label_of[id] for id in inner.tolist())
    for label, count in Counter(labels).items():
        assert max(1, small * count) <= taken[label] + 1e-9
        assert taken[label] < small * count + 1


def test_a_tenth_of_thirty_is_three_and_the_whole_is_everything() -> None:
    ids, labels = np.arange(30), np.zeros(30, dtype=np.int64)
    assert len(nested_fraction(ids, labels, 0.1, 0)) == 3
    assert nested_fraction(ids, labels, 1.0, 0).tolist() == ids.tolist()
    assert nested_fraction(ids, labels, 0.5, 0).tolist() != nested_fraction(ids, labels, 0.5, 1).tolist()


@pytest.mark.parametrize("fraction", [0.0, -0.5, 1.5])
def test_a_fraction_outside_its_range_is_an_error(fraction: float) -> None:
    with pytest.raises(RequestError, match=rf"lies in \(0, 1\]: got {fraction}\. Give e\.g\. 0\.25\."):
        nested_fraction(np.arange(3), np.zeros(3, dtype=np.int64), fraction, 0)
