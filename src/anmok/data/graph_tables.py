"""Tables of nodes, edges and graphs: CSV or Parquet, names in columns of their own, and all else numbers."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float32

from anmok.data.imagedata import SPLIT_ALIASES, no_split
from anmok.errors import DataError

_SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True)
class Table:
    """A table's rows; known columns are text without outer blanks, and null where there is nothing else."""

    path: Path
    rows: pl.DataFrame
    numeric: tuple[str, ...]  # the columns that are not known

    def numbers(self) -> Float32[np.ndarray, "n d"]:
        """The columns that are not known; raises `DataError` for a cell that is no finite number, with its row."""
        if not self.numeric:
            return np.zeros((len(self.rows), 0), np.float32)
        cells = self.rows.select(self.numeric).with_columns(pl.col(pl.String).str.strip_chars())
        found = cells.select(pl.all().cast(pl.Float32, strict=False).fill_nan(None))
        finite = found.select(pl.all().is_finite().fill_null(value=False))
        for column in self.numeric:
            wrong = (~finite[column]).arg_true()
            if len(wrong):
                raise self._no_number(column, wrong[0], cells[column][wrong[0]])
        return found.to_numpy()

    def require(self, column: str) -> None:
        """Raise `DataError` where a row has nothing in a column."""
        empty = self.rows[column].is_null().arg_true()
        if len(empty):
            raise DataError(
                f"Every row has a {column}: '{self.path}' has {len(empty):,} without, first row {empty[0] + 1}. "
                f"Fill in the {column} or delete the rows."
            )

    def splits(self) -> pl.Series:
        """The split of each row, by one name for each; raises `DataError` for the name of none, with its row."""
        if "split" not in self.rows.columns:
            return pl.Series("split", [None] * len(self.rows), dtype=pl.String)
        given = self.rows["split"].str.to_lowercase()
        unknown = (given.is_not_null() & ~given.is_in(list(SPLIT_ALIASES))).arg_true()
        if len(unknown):
            raise no_split(f"'{self.path}' row {unknown[0] + 1}", self.rows["split"][unknown[0]])
        return given.replace_strict(SPLIT_ALIASES, default=None, return_dtype=pl.String)

    def _no_number(self, column: str, row: int, cell: object) -> DataError:
        if cell is None or cell == "":
            short = _ragged(self.path)
            return short or DataError(
                f"Features are numbers: '{self.path}' row {row + 1} has nothing in column '{column}'. Fill it in."
            )
        return DataError(
            f"Features are finite numbers: '{self.path}' row {row + 1} has '{cell}' in column '{column}'. "
            "Mend it, or turn words into columns of 0 and 1."
        )


def read_table(folder: Path, name: str, *, required: Sequence[str], known: Sequence[str] = ()) -> Table | None:
    """Read `name`.csv or `name`.parquet of a folder; None where there is neither, `DataError` where it is no table."""
    path = next((path for suffix in _SUFFIXES if (path := folder / f"{name}{suffix}").is_file()), None)
    if path is None:
        return None
    try:
        rows = pl.read_csv(path, infer_schema=False) if path.suffix == ".csv" else pl.read_parquet(path)
        rows = rows.rename({column: column.strip() for column in rows.columns})
        rows = rows.filter(~pl.all_horizontal(pl.all().is_null()))  # blank lines
        texts = [column for column in (*required, *known) if column in rows.columns]
        rows = rows.with_columns(pl.col(texts).cast(pl.String).str.strip_chars())
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        advice = f"Write it as CSV or Parquet with the columns {', '.join(required)}."
        raise _ragged(path) or DataError(f"The table '{path}' cannot be read: {reason}. {advice}") from error
    missing = [column for column in required if column not in rows.columns]
    if missing:
        raise DataError(
            f"A table of {name} has the columns {' and '.join(required)}: '{path}' lacks {' and '.join(missing)} and "
            f"has {', '.join(rows.columns) or 'none'}. Rename its columns."
        )
    rows = rows.with_columns(pl.when(pl.col(column) != "").then(column).name.keep() for column in texts)
    table = Table(path, rows, tuple(column for column in rows.columns if column not in texts))
    for column in required:
        table.require(column)
    return table


def _ragged(path: Path) -> DataError | None:
    """What to say of the first row of a CSV that has more or fewer cells than the header."""
    if path.suffix != ".csv":
        return None
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        lines = csv.reader(file)
        header = len(next(lines, []))
        for row, cells in enumerate((cells for cells in lines if cells), start=1):
            if len(cells) != header:
                return DataError(
                    f"Each row has as many cells as the header: '{path}' row {row} has {len(cells)}, "
                    f"the header {header}. Mend the row."
                )
    return None
