"""Images inside Parquet tables, as the Hugging Face hub has them: a column of files and a column of labels."""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import polars as pl

from anmok.data.imagedata import Encoded, ImageData, Split, list_samples
from anmok.errors import DataError

LABELS = ("label", "labels", "class", "category", "target", "fine_label")  # columns to look for
IMAGES = ("image", "img")
CHUNK = 100  # rows that are read at once: what the hub puts into one group
KEPT = 1 << 29  # bytes of such chunks that are kept


class Table(NamedTuple):
    """One Parquet file."""

    path: Path
    name: str  # what users know it by
    split: Split | None


class Columns(NamedTuple):
    """Which columns matter."""

    image: str
    label: str
    classes: tuple[str, ...] | None  # what the numbers of the label column stand for


@dataclass(frozen=True, eq=False)
class TableReader:
    """Reads images from Parquet files; rows that were read lately, and their neighbours, are kept in memory."""

    files: tuple[Path, ...]
    column: str
    places: pl.DataFrame  # file (an index), row

    def __call__(self, id: int) -> Encoded:
        """Read one cell."""
        file, row = self.places.row(id)
        chunk = _chunks.get((self.files[file], self.column, row // CHUNK))
        content: Encoded | None = chunk[row % CHUNK]
        if content is None:
            raise OSError("the table has no bytes for it")
        return content


class _Chunks:
    """The images read last, for all threads; two that need the same rows read them once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held = 0.0
        self._kept: OrderedDict[tuple[Path, str, int], Future[pl.Series]] = OrderedDict()

    def get(self, key: tuple[Path, str, int]) -> pl.Series:
        """Rows `CHUNK * key[2]` and on of a column."""
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
            else:
                self._kept[key] = mine = Future[pl.Series]()
        if known is not None:
            return known.result()
        try:
            chunk = _read_chunk(*key)
        except DataError as error:
            with self._lock:
                del self._kept[key]
            mine.set_exception(error)
            raise
        mine.set_result(chunk)
        self._drop_oldest(chunk.estimated_size())
        return chunk

    def _drop_oldest(self, added: float) -> None:
        with self._lock:
            self._held += added
            while self._held > KEPT and len(self._kept) > 1:
                key, oldest = next(iter(self._kept.items()))
                if not oldest.done():
                    return
                self._held -= oldest.result().estimated_size()
                del self._kept[key]


_chunks = _Chunks()


def load_tables(
    tables: Sequence[Table], *, name: str, label: str | None = None, card: Mapping[str, Sequence[str]] | None = None
) -> ImageData:
    """List the images of Parquet files that share their columns.

    The classes of a column of numbers are called as its ClassLabel says, in the files or in `card`; without
    one, by the numbers. Rows without a label, which the hub marks by -1, are left out.
    """
    columns = _columns(tables[0], label, card or {})
    rows = pl.concat([_labels(table, columns).with_columns(file=number) for number, table in enumerate(tables)])
    named = rows.drop_nulls("label")
    if named.is_empty():
        raise DataError(f"A data set needs labels: the column '{columns.label}' of '{name}' has none.")
    paths = [_path(tables[file], row) for file, row in named.select("file", "row").iter_rows()]
    splits = [tables[file].split for file in named["file"]]
    classes, samples = list_samples(paths, named["label"].to_list(), splits=splits)
    encoded = TableReader(tuple(table.path for table in tables), columns.image, named.select("file", "row"))
    unnamed = rows.filter(pl.col("label").is_null()).select("file", "row").iter_rows()
    strays = tuple(_path(tables[file], row) for file, row in unnamed)
    return ImageData(name=name, classes=classes, samples=samples, encoded=encoded, strays=strays)


def holds_images(path: Path) -> bool:
    """Whether a Parquet file has a column of image files, and none of paths to them."""
    try:
        schema = pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, OSError):
        return False
    return "path" not in schema and any(kind == pl.Binary or _is_file(kind) for kind in schema.values())


def _path(table: Table, row: int) -> str:
    return f"{table.name}#{row}"


def _columns(table: Table, label: str | None, card: Mapping[str, Sequence[str]]) -> Columns:
    try:
        schema = pl.Schema(pl.read_parquet_schema(table.path))
        told = json.loads(pl.read_parquet_metadata(table.path).get("huggingface", "{}"))
        features: dict[str, Any] = told.get("info", {}).get("features", {})
    except (pl.exceptions.PolarsError, OSError, ValueError, AttributeError) as error:
        raise _unreadable(table.name, error) from error
    classes = {c: tuple(f["names"]) for c, f in features.items() if isinstance(f, dict) and "names" in f}
    classes = {c: tuple(names) for c, names in card.items()} | classes
    holders = [c for c, kind in schema.items() if kind == pl.Binary or _is_file(kind)]
    image = next((c for c in IMAGES if c in holders), holders[0] if holders else None)
    if image is None:
        raise DataError(f"A table of images has a column of files: '{table.name}' has {', '.join(schema)}.")
    chosen = label or _label_column(table, schema, classes)
    if chosen not in schema or chosen == image:
        raise DataError(f"'{table.name}' has no column '{chosen}' of labels. It has {', '.join(schema)}.")
    return Columns(image, chosen, classes.get(chosen))


def _is_file(kind: Any) -> bool:
    return isinstance(kind, pl.Struct) and "bytes" in {field.name for field in kind.fields}


def _label_column(table: Table, schema: Mapping[str, Any], classes: Mapping[str, Sequence[str]]) -> str:
    named = [c for c in schema if c in classes]
    usual = [c for c in LABELS if c in schema]
    if len(named) == 1:
        return named[0]
    found = next((c for c in usual if c in named or not named), None)
    if found is None:
        raise DataError(
            f"Which column of '{table.name}' has the labels? It has {', '.join(schema)}. Say so, such as ?label=NAME."
        )
    return found


def _labels(table: Table, columns: Columns) -> pl.DataFrame:
    """Row number and class name of every row of a file; null where it has no label."""
    try:
        labels = pl.scan_parquet(table.path).select(columns.label).collect()[columns.label]
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(table.name, error) from error
    if isinstance(labels.dtype, (pl.String, pl.Categorical, pl.Enum, pl.Boolean)):
        text = labels.cast(pl.String).str.strip_chars()
        return _numbered(text.set(text == "", None))
    if not labels.dtype.is_integer():
        raise DataError(f"Labels are whole numbers or text: '{columns.label}' of '{table.name}' is {labels.dtype}.")
    numbers = labels.cast(pl.Int64).set(labels < 0, None)
    if columns.classes is None:
        return _numbered(numbers.cast(pl.String))
    unknown = numbers.filter(numbers >= len(columns.classes))
    if len(unknown):
        raise DataError(
            f"A label is one of {len(columns.classes)} classes, from 0 on: '{table.name}' has {unknown[0]}. "
            "Mend the table or its class names."
        )
    return _numbered(pl.Series(columns.classes, dtype=pl.String).gather(numbers))


def _numbered(labels: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"label": labels}).with_row_index("row")


def _read_chunk(path: Path, column: str, number: int) -> pl.Series:
    try:
        cells = pl.scan_parquet(path).slice(number * CHUNK, CHUNK).select(column).collect()[column]
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(str(path), error) from error
    return cells if cells.dtype == pl.Binary else cells.struct.field("bytes")


def _unreadable(name: str, error: Exception) -> DataError:
    reason = str(error).partition("\n")[0].rstrip(".")
    return DataError(f"The table '{name}' cannot be read: {reason}. Fetch it again.")
