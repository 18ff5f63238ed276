"""Sentences with their translations: two files whose lines belong together, or two columns of a table."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import polars as pl

from anmok.data.imagedata import SPLIT_ALIASES, SPLITS, split_of
from anmok.errors import DataError

TABLES = (".csv", ".tsv", ".parquet")
COLUMNS = ("source", "target")  # where no languages are named
_LANGUAGES = re.compile(r"(?P<path>.+):(?P<source>[^:/\\-]+)-(?P<target>[^:/\\-]+)")
_KINDS = (
    "Give a folder with files such as train.en and train.de, and the way, such as 'data/multi30k:en-de'; "
    "or a .csv, .tsv or .parquet table with the columns source and target."
)


@dataclass(frozen=True, kw_only=True)
class ParallelText:
    """A user's pairs as they stand in the files.

    Attributes
    ----------
    name : str
        What the source is called.
    languages : tuple of str
        The suffixes or columns that are translated from and to.
    pairs : polars.DataFrame
        One row per pair: `id` (row number), `source`, `target`, `split` (null, train, select or test),
        `place` (file and line of the source).

    """

    name: str
    languages: tuple[str, str]
    pairs: pl.DataFrame


class _Pair(NamedTuple):
    source: str
    target: str
    split: str | None
    places: tuple[str, str]  # of source and target


def load_parallel_text(source: str | Path, known: tuple[str, str] | None = None) -> ParallelText:
    """Read `FOLDER:FROM-TO`, with files `train.FROM` and `train.TO`, `val.*` and `test.*`; or a table.

    Lines of two files belong together by their number. A word of a file's name says its split; without one,
    in any file, Anmok splits. A table has the columns `source` and `target`, or `FROM` and `TO` where these are
    named, and may have `split`. Of a folder that names no languages those that are `known` are read.

    Raises
    ------
    DataError
        There is nothing that could be learnt, or lines do not belong together; the message says where.

    """
    path, languages = _parted(str(source))
    if path.is_dir():
        languages = languages or known
        pairs = list(_read_folder(path, languages))
    elif path.suffix.lower() in TABLES and path.is_file():
        languages = languages or COLUMNS
        pairs = list(_read_table(path, languages))
    else:
        what = "is another kind of file" if path.exists() else "is not there"
        raise DataError(f"Parallel text is a folder or a table: '{path}' {what}. {_KINDS}")
    if not pairs:
        raise DataError(f"A translator learns from pairs of sentences: '{path}' has none. {_KINDS}")
    _check_sentences(pairs)
    table = pl.DataFrame(
        {
            "id": pl.Series(range(len(pairs)), dtype=pl.Int64),
            "source": pl.Series([pair.source for pair in pairs], dtype=pl.String),
            "target": pl.Series([pair.target for pair in pairs], dtype=pl.String),
            "split": pl.Series([pair.split for pair in pairs], dtype=pl.String),
            "place": pl.Series([pair.places[0] for pair in pairs], dtype=pl.String),
        }
    )
    return ParallelText(name=path.resolve().stem, languages=languages or COLUMNS, pairs=table)


def read_lines(path: Path) -> list[str]:
    """Lines of a text in UTF-8; raises `DataError` with the line that is none."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {(error.strerror or str(error)).lower()}.") from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"Texts are in UTF-8: line {line:,} of '{path}' has a byte that is not, 0x{content[error.start]:02x}. "
            f"Convert the file, such as by `iconv -f latin1 -t utf-8`."
        ) from error
    lines = text.split("\n")  # not splitlines, which parts lines at blanks of other kinds too
    return lines[:-1] if lines[-1] == "" else lines


def _parted(text: str) -> tuple[Path, tuple[str, str] | None]:
    """Path and languages; a file or folder whose name has the form of both is meant itself."""
    found = _LANGUAGES.fullmatch(text)
    if found is None or Path(text).exists():
        return Path(text), None
    return Path(found["path"]), (found["source"], found["target"])


def _read_folder(root: Path, languages: tuple[str, str] | None) -> Iterator[_Pair]:
    files = sorted(path for path in root.iterdir() if path.is_file() and path.name[0] != "." and path.suffix)
    suffixes = sorted({path.suffix[1:] for path in files})
    if languages is None:
        example = "-".join(suffixes[:2]) if len(suffixes) > 1 else "en-de"
        raise DataError(f"A translation has a way: '{root}' does not say which. Name it, such as '{root}:{example}'.")
    stems = [{path.stem for path in files if path.suffix == f".{language}"} for language in languages]
    for language, found in zip(languages, stems, strict=True):
        if not found:
            listed = f"has .{', .'.join(suffixes)}" if suffixes else "is empty"
            raise DataError(f"No file of '{root}' ends in .{language}: it {listed}. {_KINDS}")
    lone = sorted(stems[0] ^ stems[1])
    if lone:
        has, lacks = languages if lone[0] in stems[0] else languages[::-1]
        raise DataError(
            f"Every text has its translation beside it: '{root / lone[0]}.{has}' has no '{lone[0]}.{lacks}'."
        )
    splits = {stem: split_of(stem) for stem in sorted(stems[0])}
    unknown = [stem for stem, split in splits.items() if split is None]
    if unknown and len(unknown) < len(splits):
        raise DataError(
            f"The name of a text says its split: '{unknown[0]}.{languages[0]}' of '{root}' does not, others do. "
            "Call it train, val or test."
        )
    for stem, split in splits.items():
        yield from _read_files(root / f"{stem}.{languages[0]}", root / f"{stem}.{languages[1]}", split)


def _read_files(source: Path, target: Path, split: str | None) -> Iterator[_Pair]:
    lines = [read_lines(path) for path in (source, target)]
    if len(lines[0]) != len(lines[1]):
        raise DataError(
            f"Line by line, one file translates the other: '{source}' has {len(lines[0]):,} lines and '{target.name}' "
            f"{len(lines[1]):,}. Mend the files."
        )
    for number, (one, other) in enumerate(zip(*lines, strict=True), start=1):
        yield _Pair(
            one.strip(), other.strip(), split, (f"line {number:,} of '{source}'", f"line {number:,} of '{target}'")
        )


def _read_table(path: Path, languages: Sequence[str]) -> Iterator[_Pair]:
    for place, row in _rows_of_parquet(path) if path.suffix.lower() == ".parquet" else _rows_of_text(path):
        missing = [column for column in languages if column not in row]
        if missing:
            raise DataError(
                f"A table of pairs has the columns {' and '.join(languages)}: '{path}' lacks {' and '.join(missing)} "
                f"and has {', '.join(row)}. Rename its columns, or name them, such as '{path}:en-de'."
            )
        source, target = (str(row[column] or "").strip() for column in languages)
        yield _Pair(source, target, _split(row.get("split"), place), (place, place))


def _rows_of_text(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Place and cells of every row of a CSV or TSV; quotes are part of a TSV's texts."""
    tabs = path.suffix.lower() == ".tsv"
    rows = csv.reader(
        (f"{line}\n" for line in read_lines(path)),
        delimiter="\t" if tabs else ",",
        quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL,
        strict=True,
    )
    try:
        header = next(rows, [])
        for row in rows:
            place = f"line {rows.line_num:,} of '{path}'"
            if len(row) != len(header):
                raise DataError(
                    f"Every row has as many cells as the header, {len(header)}: {place} has {len(row)}. "
                    f"{'Take tabs out of the texts' if tabs else 'Put texts with commas into quotes'}."
                )
            yield place, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise DataError(f"Line {rows.line_num:,} of '{path}' is no row of a table: {error}. Mend it.") from error


def _rows_of_parquet(path: Path) -> Iterator[tuple[str, dict[str, object]]]:
    try:
        table = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise DataError(f"The table '{path}' cannot be read: {reason}. Write it again.") from error
    for number, row in enumerate(table.iter_rows(named=True), start=1):
        yield f"row {number:,} of '{path}'", row


def _split(name: object, place: str) -> str | None:
    if name is None or name == "":
        return None
    if str(name).lower() not in SPLIT_ALIASES:
        raise DataError(f"A split is one of {', '.join(SPLITS)}: {place} has '{name}'. Rename it, or leave it empty.")
    return SPLIT_ALIASES[str(name).lower()]


def _check_sentences(pairs: Sequence[_Pair]) -> None:
    empty = [place for pair in pairs for text, place in zip(pair[:2], pair.places, strict=True) if not text]
    if empty:
        others = {1: "", 2: ", and 1 other is"}.get(len(empty), f", and {len(empty) - 1:,} others are")
        raise DataError(
            f"A pair has a sentence on both sides: {empty[0]} is empty{others}. Fill it in, or delete the pair."
        )
