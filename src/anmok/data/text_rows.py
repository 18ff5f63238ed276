"""Labelled texts as they lie in files: a table with the columns `text` and `label`, or a folder for each class."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from anmok.data.folder import visible_files
from anmok.data.imagedata import SPLIT_ALIASES, Split, no_split
from anmok.data.parallel_text import read_lines
from anmok.errors import DataError

REQUIRED, OPTIONAL = ("text", "label"), "split"
DELIMITERS = {".csv": ",", ".tsv": "\t"}
KINDS = (
    "Give a .csv, .tsv or .parquet file with the columns text, label and, where you like, split, or a folder with "
    "one sub-folder of .txt files per class."
)


class Row(NamedTuple):
    """One text."""

    place: str  # file and line
    text: str  # without outer blanks
    label: str | None  # None where it has none
    split: Split | None


def read_rows(path: Path) -> Iterator[Row]:
    """Read every text of a file or folder; columns with other names are ignored.

    A .csv has its texts in quotes where they need them; in a .tsv a quote is a character as any other. Raises
    `DataError` where there is something that cannot be read; the message names file and line.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        return _of_folder(path)
    if path.is_file() and suffix in DELIMITERS:
        return _of_text(path, DELIMITERS[suffix])
    if path.is_file() and suffix == ".parquet":
        return _of_parquet(path)
    raise DataError(f"Labelled texts are a table or a folder: '{path}' is {_kind(path)}. {KINDS}")


def _of_text(path: Path, delimiter: str) -> Iterator[Row]:
    content = (f"{line}\n" for line in read_lines(path))
    lines = csv.reader(
        content,
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE,
        strict=True,
    )
    try:
        header = [name.strip() for name in next(lines, [])]
        _check_columns(path, header)
        start = lines.line_num + 1
        for cells in lines:
            place, start = f"'{path}' line {start}", lines.line_num + 1
            if len(cells) not in (0, len(header)):
                raise DataError(
                    f"Each row has as many cells as the first: {place} has {len(cells)}, the first {len(header)}. "
                    f"Mend the row{'; texts with commas are put in quotes' if delimiter == ',' else ''}."
                )
            if cells:
                yield _row(place, dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise DataError(f"The table '{path}' cannot be read: line {lines.line_num}, {error}. Mend the line.") from error


def _of_parquet(path: Path) -> Iterator[Row]:
    try:
        table = pl.read_parquet(path)
        known = [name for name in (*REQUIRED, OPTIONAL) if name in table.columns]
        _check_columns(path, table.columns)
        table = table.select(pl.col(known).cast(pl.String))
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise DataError(f"The table '{path}' cannot be read: {reason}. {KINDS}") from error
    for number, cells in enumerate(table.iter_rows(named=True), start=1):
        yield _row(f"'{path}' row {number}", cells)


def _row(place: str, cells: dict[str, str | None]) -> Row:
    text, label, split = ((cells.get(name) or "").strip() for name in (*REQUIRED, OPTIONAL))
    if split and split.lower() not in SPLIT_ALIASES:
        raise no_split(place, split)
    return Row(place, text, label or None, SPLIT_ALIASES[split.lower()] if split else None)


def _of_folder(root: Path) -> Iterator[Row]:
    files = sorted(file for file in visible_files(root) if file.suffix.lower() == ".txt")
    tops = {file.parts[0] for file in files if len(file.parts) > 1}
    splits = {top: SPLIT_ALIASES[top.lower()] for top in tops if top.lower() in SPLIT_ALIASES}
    if not tops:
        held = f"{len(files):,} .txt files directly" if files else "no .txt file"
        raise DataError(f"Texts need one folder per class: '{root}' holds {held}. {KINDS}")
    if splits and len(splits) < len(tops):
        raise DataError(
            f"Split folders cannot stand beside class folders: '{root}' has '{min(splits)}' and "
            f"'{min(tops - set(splits))}'. Move the class folders into split folders."
        )
    depth = 1 if splits else 0
    for file in files:
        label = file.parts[depth] if len(file.parts) > depth + 1 else None
        yield Row(f"'{root / file}'", "\n".join(read_lines(root / file)).strip(), label, splits.get(file.parts[0]))


def _check_columns(path: Path, columns: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise DataError(
            f"A table of texts has the columns {' and '.join(REQUIRED)}: '{path}' lacks {' and '.join(missing)} and "
            f"has {', '.join(columns) or 'none'}. Rename its columns."
        )


def _kind(path: Path) -> str:
    return "another kind of file" if path.exists() else "not there"
