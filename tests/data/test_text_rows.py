import re
from pathlib import Path

import polars as pl
import pytest

from anmok.data.text_rows import KINDS, read_rows
from anmok.errors import DataError


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as error:
        list(read_rows(path))
    return str(error.value)


def test_a_csv_is_read_with_the_lines_that_its_texts_begin_in(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.csv",
        '\ufefflabel,text,split,note\npos,"Fine, I say.\nTwice.",train,x\n\nneg, dull ,VAL,x\nneg,,test,x\n,lone,,x\n',
    )
    rows = list(read_rows(path))
    assert [(row.text, row.label, row.split) for row in rows] == [
        ("Fine, I say.\nTwice.", "pos", "train"),
        ("dull", "neg", "select"),
        ("", "neg", "test"),
        ("lone", None, None),
    ]
    assert [row.place for row in rows] == [f"'{path}' line {line}" for line in (2, 5, 6, 7)]


def test_in_a_tsv_quotes_are_text(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", 'text\tlabel\n"so it begins\t1\nit ends"\t0\n')
    assert [(row.text, row.label) for row in read_rows(path)] == [('"so it begins', "1"), ('it ends"', "0")]


def test_a_parquet_table_is_read_with_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"text": ["x", None], "label": [1, 0], "split": ["test", None]}).write_parquet(path)
    assert list(read_rows(path)) == [
        (f"'{path}' row 1", "x", "1", "test"),
        (f"'{path}' row 2", "", "0", None),
    ]


@pytest.mark.parametrize("splits", [False, True])
def test_a_folder_has_a_folder_for_each_class(tmp_path: Path, splits: bool) -> None:
    for split in ("train", "test") if splits else ("",):
        for label in ("neg", "pos"):
            written(tmp_path / split / label / "deep" / "1.txt", f" {label} {split}\n")
            written(tmp_path / split / label / "1.md", "no text")
    rows = list(read_rows(tmp_path))
    expected = [("neg", "test"), ("pos", "test"), ("neg", "train"), ("pos", "train")]
    assert [(row.label, row.split) for row in rows] == (expected if splits else [("neg", None), ("pos", None)])
    assert rows[0].text == ("neg test" if splits else "neg")


def test_a_file_beside_the_class_folders_has_no_label(tmp_path: Path) -> None:
    written(tmp_path / "readme.txt", "hello")
    written(tmp_path / "pos" / "1.txt", "fine")
    assert {row.label for row in read_rows(tmp_path)} == {None, "pos"}


def test_another_encoding_is_named_with_file_and_line(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "text,label\nfine,1\ncafé,0\n".encode("latin-1"))
    assert re.search(r"line 3 of '.*a\.csv' has a byte that is not, 0xe9\. Convert the file, such as by", refusal(path))
    path = written(tmp_path / "pos" / "1.txt", "fine\nfine\ncafé".encode("latin-1"))
    assert "line 3 of" in refusal(tmp_path)


def test_ragged_rows_are_named_with_file_and_line(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "text,label\nfine,1\nwell, well,0\n")
    assert refusal(path) == (
        f"Each row has as many cells as the first: '{path}' line 3 has 3, the first 2. "
        "Mend the row; texts with commas are put in quotes."
    )
    path = written(tmp_path / "a.tsv", "text\tlabel\nfine\n")
    assert refusal(path).endswith("line 2 has 1, the first 2. Mend the row.")


def test_a_quote_without_its_end_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", 'text,label\nfine,1\n"well,0\n')
    assert refusal(path) == f"The table '{path}' cannot be read: line 3, unexpected end of data. Mend the line."


@pytest.mark.parametrize(
    ("content", "told"),
    [("sentence,label\n", "lacks text and has sentence, label"), ("", "lacks text and label and has none")],
)
def test_missing_columns_are_named_with_those_found(tmp_path: Path, content: str, told: str) -> None:
    path = written(tmp_path / "a.csv", content)
    assert refusal(path) == f"A table of texts has the columns text and label: '{path}' {told}. Rename its columns."


def test_an_unknown_split_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "text,label,split\nfine,1,dev\n")
    assert refusal(path) == (
        f"A split is one of train, select, test: '{path}' line 2 has 'dev'. "
        "Rename it, or leave it empty to let Anmok split."
    )


def test_a_damaged_parquet_table_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", b"none")
    assert re.match(rf"The table '{re.escape(str(path))}' cannot be read: .*\. Give a \.csv", refusal(path))


def test_folders_without_texts_are_errors(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"Texts need one folder per class: '{tmp_path}' holds no .txt file. {KINDS}"
    written(tmp_path / "1.txt", "fine")
    assert "holds 1 .txt files directly" in refusal(tmp_path)
    written(tmp_path / "train" / "pos" / "1.txt", "fine")
    written(tmp_path / "pos" / "1.txt", "fine")
    assert refusal(tmp_path) == (
        f"Split folders cannot stand beside class folders: '{tmp_path}' has 'train' and 'pos'. "
        "Move the class folders into split folders."
    )


def test_other_sources_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    assert refusal(path) == f"Labelled texts are a table or a folder: '{path}' is not there. {KINDS}"
    path.touch()
    assert "is another kind of file" in refusal(path)
