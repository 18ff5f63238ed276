from pathlib import Path

import pytest

from anmok.data.parallel_audit import MOST, audit_pairs, find_in_pairs, split_pairs
from anmok.data.parallel_text import ParallelText, load_parallel_text
from anmok.errors import DataError


def corpus(folder: Path, *rows: tuple[str, str, str]) -> ParallelText:
    lines = "".join("\t".join(row) + "\n" for row in rows)
    (folder / "pairs.tsv").write_text(f"source\ttarget\tsplit\n{lines}", encoding="utf-8")
    return load_parallel_text(folder / "pairs.tsv")


def plain(count: int, split: str = "") -> list[tuple[str, str, str]]:
    return [(f"sentence {i}", f"Satz {i}", split) for i in range(count)]


def test_what_leaks_leaves_train_and_test_stays_whole(tmp_path: Path) -> None:
    text = corpus(
        tmp_path,
        ("A dog", "Ein Hund", "train"),
        ("a  DOG", "Der Hund", "test"),
        ("A cat", "Eine Katze", "select"),
        ("A cat", "Eine Katze", "test"),
        *plain(10, "train"),
    )
    audit = audit_pairs(text)
    assert (audit.copies, audit.leaks, audit.leaked) == ([[0, 1], [2, 3]], [[0, 1], [2, 3]], [0, 2])
    splits = split_pairs(text, audit, seed=0)["split"].to_list()
    assert splits[:4] == [None, "test", None, "test"]
    assert [splits.count(split) for split in ("select", "train")] == [1, 9]  # all that select had leaked
    found = find_in_pairs(text, audit, text.pairs)
    assert found[0].text == (
        "2 sentences stand in more than one given split: 2 pairs will leave train or select, and test stays whole."
    )
    assert found[1].text == "1 pair is a copy of another; copies share a split."


def test_a_missing_split_takes_a_tenth_and_copies_stay_together(tmp_path: Path) -> None:
    rows = [*plain(100), *plain(100)]
    text = corpus(tmp_path, *rows)
    splits = split_pairs(text, audit_pairs(text), seed=3)["split"].to_list()
    assert splits[:100] == splits[100:]
    assert [splits[:100].count(split) for split in ("test", "select", "train")] == [10, 9, 81]
    again = split_pairs(text, audit_pairs(text), seed=3)["split"].to_list()
    other = split_pairs(text, audit_pairs(text), seed=4)["split"].to_list()
    assert splits == again != other


def test_given_splits_are_kept_and_none_is_taken_from_test(tmp_path: Path) -> None:
    text = corpus(tmp_path, *plain(40, "train"), *((f"t{i}", "x", "test") for i in range(5)))
    splits = split_pairs(text, audit_pairs(text), seed=0)["split"].to_list()
    assert splits[40:] == ["test"] * 5
    assert [splits.count(split) for split in ("select", "train")] == [4, 36]


def test_a_copy_without_a_split_goes_with_the_one_that_has_one(tmp_path: Path) -> None:
    text = corpus(tmp_path, *plain(20, "train"), ("new", "neu", "test"), ("New", "neu", ""), ("v", "v", "val"))
    splits = split_pairs(text, audit_pairs(text), seed=0)["split"].to_list()
    assert splits[20:] == ["test", "test", "select"]


def test_a_large_corpus_spares_no_more_than_can_be_translated(tmp_path: Path) -> None:
    text = corpus(tmp_path, *plain(25_000))
    splits = split_pairs(text, audit_pairs(text), seed=0)["split"].to_list()
    assert [splits.count(split) for split in ("test", "select")] == [MOST, MOST]


def test_nothing_is_left_to_learn_from(tmp_path: Path) -> None:
    text = corpus(tmp_path, *plain(2))
    with pytest.raises(DataError) as error:
        split_pairs(text, audit_pairs(text), seed=0)
    assert str(error.value) == (
        "A translator learns from some pairs, and is tested on others: 'pairs' has 2, of which none is left to learn "
        "from. Add pairs."
    )


def test_pairs_that_are_hardly_translations_are_told(tmp_path: Path) -> None:
    long = "word " * 12 + "end"
    text = corpus(tmp_path, *plain(8, "train"), ("No", long, "train"), ("OK  then", "Ok then", "train"))
    texts = [finding.text for finding in find_in_pairs(text, audit_pairs(text), text.pairs)]
    assert texts == [
        f"1 pair has the same text on both sides, first line 11 of '{tmp_path}/pairs.tsv': are they translated?",
        f"1 pair has a side over 5 times as long as the other, first line 10 of '{tmp_path}/pairs.tsv': "
        "do the lines belong together?",
        "10 pairs: 10 train, 0 select, 0 test.",
        "Sentences have up to 2 words (median 2), their translations up to 13 (median 2).",
    ]
