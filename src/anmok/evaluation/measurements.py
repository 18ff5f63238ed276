"""Everything that Anmok finds out is a row in one append-only table: SQLite, one file per run directory."""

import io
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from anmok.evaluation.environment import describe_hardware, describe_versions

Scalar: TypeAlias = str | int | float | bool
"""A condition of a measurement: what else has to be equal before two values may be compared."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One value of one metric of one subject, with its interval, sample size and conditions."""

    subject: str  # a model's name, "data" or "run"
    metric: str
    value: float
    unit: str = ""
    low: float | None = None  # 95 % interval, unless the conditions say otherwise
    high: float | None = None
    n: int | None = None
    seed: int | None = None
    conditions: Mapping[str, Scalar] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one model answered for every image of one split: the raw material of paired statistics."""

    subject: str
    split: str
    conditions: Mapping[str, Scalar]
    ids: Int32[np.ndarray, " n"]  # row of the image in splits.parquet
    labels: Int32[np.ndarray, " n"]
    predicted: Int32[np.ndarray, " n"]
    confidence: Float32[np.ndarray, " n"]  # probability of the predicted class
    true_probability: Float32[np.ndarray, " n"]  # probability of the labelled class
    rank: Int32[np.ndarray, " n"] | None = None  # classes that were preferred to the labelled one; old tables lack it

    @property
    def correct(self) -> np.ndarray:
        """Whether each image was answered right, (n,) bool."""
        return self.predicted == self.labels


@dataclass(frozen=True, kw_only=True)
class PixelOutcome:
    """What one model answered for the pixels of every image of one split: counts by image and class."""

    subject: str
    split: str
    conditions: Mapping[str, Scalar]
    ids: Int32[np.ndarray, " n"]
    shared: Int32[np.ndarray, "n k"]  # pixels of the class in the answer and the truth
    answered: Int32[np.ndarray, "n k"]
    true: Int32[np.ndarray, "n k"]

    @property
    def correct(self) -> np.ndarray:
        """Share of each image's pixels that were answered right, (n,)."""
        return self.shared.sum(1) / np.maximum(self.true.sum(1), 1)


AnyOutcome: TypeAlias = Outcome | PixelOutcome
_ARRAYS = {
    Outcome: ("ids", "labels", "predicted", "confidence", "true_probability", "rank"),
    PixelOutcome: ("ids", "shared", "answered", "true"),
}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS environments (
    id INTEGER PRIMARY KEY, hardware TEXT, versions TEXT, UNIQUE (hardware, versions));
CREATE TABLE IF NOT EXISTS measurements (
    id INTEGER PRIMARY KEY, created TEXT DEFAULT CURRENT_TIMESTAMP, subject TEXT NOT NULL, metric TEXT NOT NULL,
    value REAL, unit TEXT, low REAL, high REAL, n INTEGER, seed INTEGER, conditions TEXT, note TEXT,
    environment INTEGER REFERENCES environments (id));
CREATE TABLE IF NOT EXISTS outcomes (
    id INTEGER PRIMARY KEY, subject TEXT NOT NULL, split TEXT NOT NULL, conditions TEXT, arrays BLOB NOT NULL);
"""


class Measurements:
    """The table. Rows are added, never changed; each `append` is one transaction, whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with closing(self._connect()) as connection:
            connection.executescript(_SCHEMA)

    def append(self, rows: Iterable[Measurement] = (), outcomes: Iterable[AnyOutcome] = ()) -> None:
        """Add rows and outcomes together."""
        with closing(self._connect()) as connection, connection:
            environment = _environment(connection)
            connection.executemany(
                "INSERT INTO measurements (subject, metric, value, unit, low, high, n, seed, conditions, note,"
                " environment) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(*_values(row), environment) for row in rows],
            )
            connection.executemany(
                "INSERT INTO outcomes (subject, split, conditions, arrays) VALUES (?, ?, ?, ?)",
                [(o.subject, o.split, _canonical(o.conditions), _pack(o)) for o in outcomes],
            )

    def rows(self, metric: str | None = None, subject: str | None = None) -> list[Measurement]:
        """The rows of a metric, of a subject, or all, in the order in which they were added."""
        wanted = {"metric": metric, "subject": subject}
        where, values = _where(wanted)
        columns = "subject, metric, value, unit, low, high, n, seed, conditions, note"
        return [
            Measurement(
                subject=r[0], metric=r[1], value=float("nan") if r[2] is None else r[2], unit=r[3], low=r[4], high=r[5],
                n=r[6], seed=r[7], conditions=json.loads(r[8]), note=r[9],
            )
            for r in self._select(f"SELECT {columns} FROM measurements{where} ORDER BY id", values)
        ]  # fmt: skip

    def outcomes(self, split: str | None = None, subject: str | None = None) -> list[AnyOutcome]:
        """The answers on a split, of a subject, or all, in the order in which they were added."""
        where, values = _where({"split": split, "subject": subject})
        return [
            _unpack(r[3], {"subject": r[0], "split": r[1], "conditions": json.loads(r[2])})
            for r in self._select(f"SELECT subject, split, conditions, arrays FROM outcomes{where} ORDER BY id", values)
        ]

    def frame(self) -> pl.DataFrame:
        """The rows as a data frame, with the time, the hardware and the versions of each."""
        query = (
            "SELECT m.id, created, subject, metric, value, unit, low, high, n, seed, conditions, note, hardware,"
            " versions FROM measurements m JOIN environments e ON m.environment = e.id ORDER BY m.id"
        )
        names = query.split(" FROM ")[0].removeprefix("SELECT m.").split(", ")
        return pl.DataFrame(list(self._select(query, ())), schema=names, orient="row", infer_schema_length=None)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=60)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _select(self, query: str, values: tuple[object, ...]) -> Iterator[tuple]:  # type: ignore[type-arg]
        with closing(self._connect()) as connection:
            yield from connection.execute(query, values).fetchall()


def _where(wanted: Mapping[str, str | None]) -> tuple[str, tuple[object, ...]]:
    given = {column: value for column, value in wanted.items() if value is not None}
    clause = " WHERE " + " AND ".join(f"{column} = ?" for column in given) if given else ""
    return clause, tuple(given.values())


def _values(row: Measurement) -> tuple[object, ...]:
    value = None if np.isnan(row.value) else row.value
    interval = (row.low, row.high)
    return (
        row.subject,
        row.metric,
        value,
        row.unit,
        *interval,
        row.n,
        row.seed,
        _canonical(row.conditions),
        row.note,
    )


def _canonical(conditions: Mapping[str, Scalar]) -> str:
    return json.dumps(dict(conditions), sort_keys=True)


def _pack(outcome: AnyOutcome) -> bytes:
    buffer = io.BytesIO()
    arrays = {name: getattr(outcome, name) for name in _ARRAYS[type(outcome)]}
    np.savez_compressed(buffer, **{name: array for name, array in arrays.items() if array is not None})
    return buffer.getvalue()


def _unpack(blob: bytes, known: Mapping[str, Any]) -> AnyOutcome:
    with np.load(io.BytesIO(blob), allow_pickle=False) as arrays:
        kind = PixelOutcome if "shared" in arrays else Outcome
        return kind(**known, **{name: arrays[name] for name in _ARRAYS[kind] if name in arrays})


def _environment(connection: sqlite3.Connection) -> int:
    key = (json.dumps(describe_hardware()), json.dumps(describe_versions()))
    connection.execute("INSERT OR IGNORE INTO environments (hardware, versions) VALUES (?, ?)", key)
    found = connection.execute("SELECT id FROM environments WHERE hardware = ? AND versions = ?", key)
    return int(found.fetchone()[0])
