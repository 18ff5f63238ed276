"""Images listed in a table: `path,label[,split,group]` as CSV or Parquet, paths relative to the table."""

from pathlib import Path

import polars as pl

from anmok.data.imagedata import SPLIT_ALIASES, FileReader, ImageData, list_samples, no_split
from anmok.errors import DataError

REQUIRED = ("path", "label")
OPTIONAL = ("split", "group")


def load_manifest(path: Path) -> ImageData:
    """List the images of a manifest; columns with other names are ignored."""
    table = read_table(path, REQUIRED)
    check_files(path, table, "path")
    classes, samples = list_samples(
        table["path"].to_list(), table["label"].to_list(), splits=splits_of(path, table), groups=groups_of(table)
    )
    return ImageData(name=path.stem, classes=classes, samples=samples, encoded=FileReader(path.parent, samples["path"]))


def read_table(path: Path, required: tuple[str, ...]) -> pl.DataFrame:
    """Read the required columns, of which every row has all, and those of `OPTIONAL` that there are.

    As text without outer blanks; nothing but blanks is null. Raises `DataError` where that cannot be done.
    """
    try:
        csv = path.suffix.lower() == ".csv"
        table = pl.read_csv(path, infer_schema=False) if csv else pl.read_parquet(path)
        known = [column for column in (*required, *OPTIONAL) if column in table.columns]
        text = table.select(pl.col(known).cast(pl.String).str.strip_chars())
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise DataError(
            f"The manifest '{path}' cannot be read: {reason}. Write it as CSV or Parquet with the columns "
            f"{', '.join(required)}."
        ) from error
    missing = [column for column in required if column not in table.columns]
    if missing:
        raise DataError(
            f"A manifest needs the columns {' and '.join(required)}: '{path}' lacks {' and '.join(missing)} "
            f"and has {', '.join(table.columns)}. Rename its columns."
        )
    if table.is_empty():
        raise DataError(f"A data set needs images: the manifest '{path}' lists none. Add rows.")
    filled = text.select(pl.when(pl.col(column) != "").then(column) for column in known)
    _check_filled(path, filled, required)
    return filled


def check_files(path: Path, table: pl.DataFrame, column: str) -> None:
    """Raise `DataError` where a file that a column names is not there."""
    missing = [name for name in table[column] if not (path.parent / name).is_file()]
    if missing:
        raise DataError(
            f"Every file of a manifest must exist: {len(missing):,} of {len(table):,} that '{path}' lists do "
            f"not, the first is '{missing[0]}'. Give paths relative to the manifest."
        )


def splits_of(path: Path, table: pl.DataFrame) -> list[str | None] | None:
    """The split of each row, where there is such a column; raises `DataError` for the name of none."""
    if "split" not in table.columns:
        return None
    unknown = {name for name in table["split"].drop_nulls() if name.lower() not in SPLIT_ALIASES}
    if unknown:
        raise no_split(f"'{path}'", min(unknown))
    return [None if name is None else SPLIT_ALIASES[name.lower()] for name in table["split"]]


def groups_of(table: pl.DataFrame) -> list[str | None] | None:
    """The group of each row, where there is such a column."""
    return table["group"].to_list() if "group" in table.columns else None


def _check_filled(path: Path, table: pl.DataFrame, required: tuple[str, ...]) -> None:
    for column in required:
        empty = table[column].is_null().arg_true()
        if len(empty):
            raise DataError(
                f"Every row of a manifest needs a {column}: '{path}' has {len(empty):,} without, first row "
                f"{empty[0] + 1}. Fill in the {column} or delete the rows."
            )
