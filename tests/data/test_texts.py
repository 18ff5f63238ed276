from pathlib import Path

import polars as pl
import pytest

from anmok.data.texts import TextData, audit_texts, find_in_texts, load_texts, split_texts
from anmok.errors import DataError


def table(folder: Path, **columns: list) -> Path:
    path = folder / "reviews.csv"
    pl.DataFrame(columns).write_csv(path)
    return path


def loaded(folder: Path, texts: list[str], labels: list[str], splits: list[str | None] | None = None) -> TextData:
    return load_texts(table(folder, text=texts, label=labels, split=splits or [""] * len(texts)))


def many(folder: Path, count: int = 50) -> TextData:
    return loaded(folder, [f"text {i}" for i in range(2 * count)], ["neg", "pos"] * count)


def told(data: TextData, longest: int = 500) -> list[str]:
    audit = audit_texts(data)
    return [finding.text for finding in find_in_texts(split_texts(data, audit, seed=0), audit, longest=longest)]


def test_each_class_is_cut_alike_and_a_seed_repeats_the_cut(tmp_path: Path) -> None:
    data = many(tmp_path)
    first, again, other = (split_texts(data, audit_texts(data), seed=seed) for seed in (0, 0, 1))
    assert first.samples.equals(again.samples)
    assert not first.samples.equals(other.samples)
    counts = first.samples.group_by("split", "label").len().sort("split", "label")["len"].to_list()
    assert counts == [8, 8, 10, 10, 32, 32]
    assert (data.name, data.classes) == ("reviews", ("neg", "pos"))


def test_given_splits_are_kept(tmp_path: Path) -> None:
    splits = ["train", "val", "test", "train"] * 5
    data = loaded(tmp_path, [f"text {i}" for i in range(20)], ["a", "b", "b", "b"] * 5, splits)
    found = split_texts(data, audit_texts(data), seed=0).samples["split"].to_list()
    assert found == ["train", "select", "test", "train"] * 5


def test_copies_share_a_split(tmp_path: Path) -> None:
    texts = [f"Text {i // 3}" for i in range(90)]
    texts[1::3] = [text.upper() + "  " for text in texts[1::3]]
    data = loaded(tmp_path, texts, ["a"] * 45 + ["b"] * 45)
    audit = audit_texts(data)
    assert len(audit.copies) == 30
    split = split_texts(data, audit, seed=0).samples["split"].to_list()
    assert all(len({split[id] for id in group}) == 1 for group in audit.copies)
    assert set(split) == {"train", "select", "test"}
    assert "60 texts are copies of another; copies will share a split." in told(data)


def test_a_copy_of_a_test_text_leaves_train(tmp_path: Path) -> None:
    texts = ["same", "same", "same", "other", "more", "last", "b1", "b2", "b3"]
    splits = ["train", "test", None, "train", "select", "train", "train", "select", "test"]
    data = loaded(tmp_path, texts, ["a"] * 6 + ["b"] * 3, splits)
    audit = audit_texts(data)
    assert (audit.leaks, audit.leaked) == ([[0, 1, 2]], [0])
    assert split_texts(data, audit, seed=0).samples["split"].to_list() == [None, "test", "test", *splits[3:]]
    assert (
        "1 text appears in more than one given split: 1 copy will leave train or select, and test stays whole."
    ) in told(data)


def test_what_is_wrong_is_told_with_the_first_place(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    rows = [f"text {i},{'ab'[i % 7 == 0]}" for i in range(63)]
    path.write_text("\n".join(["text,label", " ,a", "lone,", "twice,a", "Twice,b", *rows]))
    assert told(load_texts(path)) == [
        f"1 text is empty and is left out, first '{path}' line 2.",
        f"1 text has no label and is left out, first '{path}' line 3.",
        "1 text appears under more than one label (2 times in all): no model can get all of these right.",
        "1 text is a copy of another; copies will share a split.",
        "Class 'a' has 5.5 times as many texts as 'b'.",
        "65 texts in 2 classes of 10 to 55.",
        "Texts have 1 to 2 words (median 2).",
        "With 11 texts to compare models on, accuracies that differ by less than 19.1 points cannot be told apart (if "
        "two models disagree on 10 % of them).",
    ]


def test_tiny_classes_and_long_texts_are_told(tmp_path: Path) -> None:
    data = loaded(tmp_path, ["a b c", "d", "e", "f", "g h"], ["x", "x", "y", "y", "y"])
    assert told(data, longest=1)[0] == "2 classes have fewer than 10 texts: 'x' (2), 'y' (3)."
    assert "Texts have 1 to 3 words (median 1); 2 texts are read up to the first 1." in told(data, longest=1)


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        ([" ", " "], ["a", "b"], r"^A data set needs texts with labels: '.*reviews\.csv' has none\. Give a \.csv"),
        (["x", "y"], ["a", "a"], r"^A choice needs at least two classes: 'reviews' has only 'a'\. Add texts of"),
        (["x", "y", "z"], ["a", "a", "b"], r"^Each class needs at least 2 texts: 'b' has 1\. Add texts or remove the"),
        (list("vwxyz"), list("abcde"), r"^Each class needs at least 2 texts: 'a', 'b', 'c' and 2 others have 1\."),
    ],
)
def test_what_cannot_be_learned_from_is_refused(tmp_path: Path, texts: list, labels: list, message: str) -> None:
    with pytest.raises(DataError, match=message):
        loaded(tmp_path, texts, labels)


def test_a_class_without_texts_to_train_on_is_refused(tmp_path: Path) -> None:
    data = loaded(tmp_path, list("vwxyz"), list("aabbb"), ["test", "test", "train", "train", "select"])
    with pytest.raises(DataError, match=r"^Each class needs texts to train on: 'a' of 'reviews' has none outside its"):
        split_texts(data, audit_texts(data), seed=0)


def test_further_texts_have_the_labels_of_the_known_classes(tmp_path: Path) -> None:
    path = table(tmp_path, text=["x"], label=["b"])
    data = load_texts(path, ["a", "b"])
    assert (data.classes, data.samples["label"].to_list()) == (("a", "b"), [1])
    with pytest.raises(DataError, match=r"^The network knows the classes c, d: '.*' line 2 has 'b'\. Rename the label"):
        load_texts(path, ["c", "d"])
