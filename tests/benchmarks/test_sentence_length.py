import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "tasks"))
import sentence_length
from length_picture import draw_lengths

from small_language import sentences, write_corpus

sys.path.pop(0)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "small"
    for seed, (name, count) in enumerate({"train": 120, "val": 12, "test": 10}.items()):
        write_corpus(folder, name, sentences(count, seed))
    sizes = {"PAIRS": 80, "SELECT": 8, "EACH": 4, "GROUPS": ((1, 2), (3, 5)), "SEEDS": (0, 1)}
    for name, value in sizes.items():
        monkeypatch.setattr(sentence_length, name, value)
    return folder


def test_what_is_translated_was_never_learnt(corpus: Path, tmp_path: Path) -> None:
    sentence_length.cut(f"{corpus}:en-de", tmp_path / "pairs")
    lines = {
        name: (tmp_path / "pairs" / f"{name}.en").read_text(encoding="utf-8").splitlines()
        for name in ("learnt/train", "learnt/val", "learnt/test", "unseen/test")
    }
    assert {name: len(texts) for name, texts in lines.items()} == {
        "learnt/train": 80, "learnt/val": 8, "learnt/test": 10, "unseen/test": 8,
    }  # fmt: skip
    whole = (corpus / "train.en").read_text(encoding="utf-8").splitlines()
    assert lines["learnt/train"] == whole[:80]
    assert set(lines["unseen/test"]) <= set(whole[80:])
    assert [len(text.split()) <= 2 for text in lines["unseen/test"]] == [True] * 4 + [False] * 4


def test_what_is_done_is_not_done_again(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tokenizers")
    pytest.importorskip("sacrebleu")
    monkeypatch.setattr(
        sentence_length, "MODELS", {"rnnencdec_nano": "none", "rnnsearch_nano": "some", "luong_general_nano": "more"}
    )
    command = [
        "x",
        f"{corpus}:en-de",
        "--out",
        str(tmp_path / "out"),
        "--docs",
        str(tmp_path),
        "--set",
        "epochs=2",
        "evaluations=1",
    ]
    monkeypatch.setattr(sys, "argv", command)
    sentence_length.main()
    first = capsys.readouterr().out
    assert first.count("epoch 1") == first.count("epoch 2") == 6
    sentence_length.main()
    again = capsys.readouterr().out
    assert again == first[first.index("| network") :]
    assert "| none (`rnnencdec_nano`) | " in again
    for name in ("translation.svg", "alignment.svg"):
        ElementTree.parse(tmp_path / name)


def test_lines_go_through_the_means() -> None:
    drawing = draw_lengths([5, 10, 20], {"a": [[1, 3], [2, 2], [0, 4]], "b": [[4], [4], [4]], "c": [[1], [1], [1]]})
    root = ElementTree.fromstring(drawing)
    lines = [line.get("points").split() for line in root.iter("{http://www.w3.org/2000/svg}polyline")]
    heights = [[float(point.split(",")[1]) for point in line] for line in lines]
    assert [len(set(course)) for course in heights] == [1, 1, 1]
    assert heights[1][0] < heights[0][0] < heights[2][0]
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == 12
