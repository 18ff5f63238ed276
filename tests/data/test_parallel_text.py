from pathlib import Path

import polars as pl
import pytest

from anmok.data.parallel_text import load_parallel_text, read_lines
from anmok.errors import DataError

KINDS = (
    "Give a folder with files such as train.en and train.de, and the way, such as 'data/multi30k:en-de'; "
    "or a .csv, .tsv or .parquet table with the columns source and target."
)


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write(
        tmp_path,
        {
            "train.en": "A dog.\nTwo men\n",
            "train.de": "Ein Hund.\nZwei Männer\n",
            "train.fr": "Un chien.\nDeux hommes\n",
            "val.en": "A cat",
            "val.de": "Eine Katze",
            "test_2016_flickr.en": " Snow \r\n",
            "test_2016_flickr.de": "Schnee\r\n",
            ".hidden.en": "x",
        },
    )


def refusal(source: object) -> str:
    with pytest.raises(DataError) as error:
        load_parallel_text(source)
    return str(error.value)


def test_lines_of_two_files_are_pairs_and_names_say_the_split(corpus: Path) -> None:
    text = load_parallel_text(f"{corpus}:en-de")
    assert (text.name, text.languages) == (corpus.name, ("en", "de"))
    assert text.pairs.rows() == [
        (0, "Snow", "Schnee", "test", f"line 1 of '{corpus}/test_2016_flickr.en'"),
        (1, "A dog.", "Ein Hund.", "train", f"line 1 of '{corpus}/train.en'"),
        (2, "Two men", "Zwei Männer", "train", f"line 2 of '{corpus}/train.en'"),
        (3, "A cat", "Eine Katze", "select", f"line 1 of '{corpus}/val.en'"),
    ]
    turned = load_parallel_text(Path(f"{corpus}:de-en")).pairs
    assert turned["source"].to_list() == text.pairs["target"].to_list()


def test_without_a_split_in_any_name_there_is_none(tmp_path: Path) -> None:
    write(tmp_path, {"corpus.en": "a\nb", "corpus.de": "c\nd"})
    assert load_parallel_text(f"{tmp_path}:en-de").pairs["split"].to_list() == [None, None]


def test_a_trained_network_knows_the_way(corpus: Path) -> None:
    (corpus / "val.de").unlink()
    (corpus / "test_2016_flickr.de").unlink()
    assert load_parallel_text(corpus, ("de", "fr")).pairs["target"].to_list() == ["Un chien.", "Deux hommes"]


def test_other_separators_of_lines_stay_inside_them(tmp_path: Path) -> None:
    write(tmp_path, {"train.en": "\ufeffone\u2028still one\x0b\ntwo", "train.de": "eins\nzwei"})
    assert load_parallel_text(f"{tmp_path}:en-de").pairs["source"].to_list() == ["one\u2028still one", "two"]


def test_the_way_has_to_be_said(corpus: Path) -> None:
    assert refusal(corpus) == (
        f"A translation has a way: '{corpus}' does not say which. Name it, such as '{corpus}:de-en'."
    )


def test_a_language_that_is_not_there(corpus: Path) -> None:
    assert refusal(f"{corpus}:en-cs") == f"No file of '{corpus}' ends in .cs: it has .de, .en, .fr. {KINDS}"
    assert refusal(f"{corpus}:en-fr") == (
        f"Every text has its translation beside it: '{corpus}/test_2016_flickr.en' has no 'test_2016_flickr.fr'."
    )


def test_files_of_different_length(corpus: Path) -> None:
    write(corpus, {"train.de": "Ein Hund.\n"})
    assert refusal(f"{corpus}:en-de") == (
        f"Line by line, one file translates the other: '{corpus}/train.en' has 2 lines and 'train.de' 1. "
        "Mend the files."
    )


def test_an_empty_sentence(corpus: Path) -> None:
    write(corpus, {"train.de": "Ein Hund.\n \n", "val.en": "\n"})
    assert refusal(f"{corpus}:en-de") == (
        f"A pair has a sentence on both sides: line 2 of '{corpus}/train.de' is empty, and 1 other is. "
        "Fill it in, or delete the pair."
    )


def test_another_encoding(corpus: Path) -> None:
    write(corpus, {"train.de": "Ein Hund.\nZwei Männer\n".encode("latin-1")})
    assert refusal(f"{corpus}:en-de") == (
        f"Texts are in UTF-8: line 2 of '{corpus}/train.de' has a byte that is not, 0xe4. "
        "Convert the file, such as by `iconv -f latin1 -t utf-8`."
    )


def test_some_names_say_a_split_and_others_do_not(corpus: Path) -> None:
    write(corpus, {"more.en": "a", "more.de": "b"})
    assert refusal(f"{corpus}:en-de") == (
        f"The name of a text says its split: 'more.en' of '{corpus}' does not, others do. Call it train, val or test."
    )


def test_nothing_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none") == (
        f"Parallel text is a folder or a table: '{tmp_path}/none' is not there. {KINDS}"
    )
    write(tmp_path, {"a.zip": "x", "train.en": "", "train.de": ""})
    assert refusal(tmp_path / "a.zip") == (
        f"Parallel text is a folder or a table: '{tmp_path}/a.zip' is another kind of file. {KINDS}"
    )
    assert (
        refusal(f"{tmp_path}:en-de") == f"A translator learns from pairs of sentences: '{tmp_path}' has none. {KINDS}"
    )
    (tmp_path / "folder").mkdir()
    assert refusal(f"{tmp_path}/folder:en-de") == f"No file of '{tmp_path}/folder' ends in .en: it is empty. {KINDS}"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_lines(tmp_path / "x.en")
    assert str(error.value) == f"'{tmp_path}/x.en' cannot be read: no such file or directory."


def test_tables(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pairs.csv": 'source,target,split\n"Yes, no.",Ja.,train\nA,"B\nC",val\n',
            "pairs.tsv": 'en\tde\n"Quoted"\tZitat\n\tx\n',
        },
    )
    text = load_parallel_text(tmp_path / "pairs.csv")
    assert text.languages == ("source", "target")
    assert text.pairs.rows() == [
        (0, "Yes, no.", "Ja.", "train", f"line 2 of '{tmp_path}/pairs.csv'"),
        (1, "A", "B\nC", "select", f"line 4 of '{tmp_path}/pairs.csv'"),
    ]
    assert refusal(f"{tmp_path}/pairs.tsv:en-de") == (
        f"A pair has a sentence on both sides: line 3 of '{tmp_path}/pairs.tsv' is empty. "
        "Fill it in, or delete the pair."
    )
    write(tmp_path, {"pairs.tsv": 'en\tde\n"Quoted"\tZitat\n'})
    assert load_parallel_text(f"{tmp_path}/pairs.tsv:en-de").pairs["source"].to_list() == ['"Quoted"']
    pl.DataFrame({"source": ["a"], "target": ["b"], "split": [None]}).write_parquet(tmp_path / "p.parquet")
    assert load_parallel_text(tmp_path / "p.parquet").pairs.rows() == [
        (0, "a", "b", None, f"row 1 of '{tmp_path}/p.parquet'")
    ]


def test_ragged_rows_missing_columns_and_unknown_splits(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "ragged.tsv": "source\ttarget\na\tb\nc\td\te\n",
            "ragged.csv": "source,target\na,b\nc, d, e\n",
            "named.csv": "en,de\na,b\n",
            "split.csv": "source,target,split\na,b,dev\n",
            "open.csv": 'source,target\n"a,b\n',
            "damaged.parquet": "no",
        },
    )
    place = f"line 3 of '{tmp_path}/ragged"
    assert refusal(tmp_path / "ragged.tsv") == (
        f"Every row has as many cells as the header, 2: {place}.tsv' has 3. Take tabs out of the texts."
    )
    assert refusal(tmp_path / "ragged.csv") == (
        f"Every row has as many cells as the header, 2: {place}.csv' has 3. Put texts with commas into quotes."
    )
    assert refusal(tmp_path / "named.csv") == (
        f"A table of pairs has the columns source and target: '{tmp_path}/named.csv' lacks source and target and has "
        f"en, de. Rename its columns, or name them, such as '{tmp_path}/named.csv:en-de'."
    )
    assert refusal(tmp_path / "split.csv") == (
        f"A split is one of train, select, test: line 2 of '{tmp_path}/split.csv' has 'dev'. "
        "Rename it, or leave it empty."
    )
    assert refusal(tmp_path / "open.csv") == (
        f"Line 2 of '{tmp_path}/open.csv' is no row of a table: unexpected end of data. Mend it."
    )
    assert refusal(tmp_path / "damaged.parquet").startswith(f"The table '{tmp_path}/damaged.parquet' cannot be read: ")
