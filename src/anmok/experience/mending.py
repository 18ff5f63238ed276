"""What is done about a file of experience that cannot be used as it is; no row of it is ever deleted."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

from filelock import FileLock

from anmok.errors import RequestError
from anmok.experience import layout
from anmok.experience.layout import State


def mend(path: Path) -> tuple[Path, str]:
    """Make a file usable that is not sound; tells the file to use and, in a sentence, what happened, if anything.

    Raises `RequestError` for a database of another program, which is left alone.
    """
    state = layout.inspect(path)
    if state is State.FOREIGN:
        raise RequestError(f"'{path}' is another program's database. Name another file with --experience.")
    if state is State.NEWER:
        own = path.with_name(f"{path.stem}-layout{len(layout.STEPS)}{path.suffix}")
        return own, f"'{path}' is of a newer Anmok and stays as it is: this one remembers in '{own.name}'."
    if state in (State.OLDER, State.DAMAGED):
        with lock(path):
            return path, _mend_alone(path)
    return path, ""


def make(path: Path) -> None:
    """Make a file where there is none, once, whoever else may be trying."""
    if layout.inspect(path) is State.ABSENT:
        path.parent.mkdir(parents=True, exist_ok=True)
        with lock(path):
            if layout.inspect(path) is State.ABSENT:
                layout.bring_up_to_date(path)


def lock(path: Path) -> FileLock:
    """Held by who makes or mends a file; rows are added without it."""
    return FileLock(path.with_name(path.name + ".lock"))


def _mend_alone(path: Path) -> str:
    state = layout.inspect(path)  # again: another process may have mended it meanwhile
    if state is State.DAMAGED:
        return _replace(path)
    if state is State.OLDER:
        aside = _free_name(path, "older")
        with closing(layout.connect(path)) as old, closing(sqlite3.connect(aside)) as copy:
            old.backup(copy)
        layout.bring_up_to_date(path)
        return f"'{path}' was of an older Anmok and has been brought up to date: '{aside.name}' is as it was."
    return ""


def _replace(path: Path) -> str:
    new = path.with_name(f".{path.name}.part")
    for leftover in _with_journals(new):
        leftover.unlink(missing_ok=True)
    layout.bring_up_to_date(new)
    saved = _copy_readable(path, new)
    aside = _free_name(path, "damaged")
    for old, kept in zip(_with_journals(path), _with_journals(aside), strict=True):
        if old.exists():
            old.rename(kept)
    new.rename(path)
    return (
        f"'{path}' was damaged: it is kept as '{aside.name}', and the {saved:,} rows that can be read were taken over."
    )


def _copy_readable(damaged: Path, new: Path) -> int:
    """Copy the trials that can be read and whose fingerprint can; says how many."""
    with closing(layout.connect(new)) as target, target:
        for table in ("fingerprints", "trials"):
            known = [row[1] for row in target.execute(f"PRAGMA table_info({table})")]
            columns, places = ", ".join(known), ", ".join("?" * len(known))
            rows = list(_readable(damaged, f"SELECT rowid, {columns} FROM {table}"))
            target.executemany(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})", rows)
        target.execute("DELETE FROM trials WHERE fingerprint NOT IN (SELECT id FROM fingerprints)")
        found: int = target.execute("SELECT count(*) FROM trials").fetchone()[0]
        return found


def _readable(path: Path, query: str) -> Iterator[tuple]:  # type: ignore[type-arg]
    """Rows before the first bad page and, read backwards, after the last one."""
    seen: set[int] = set()
    for order in ("ASC", "DESC"):
        with closing(layout.connect(path)) as connection, suppress(sqlite3.DatabaseError, UnicodeDecodeError):
            connection.execute("PRAGMA writable_schema = ON")  # else SQLite reads nothing of a file that is cut short
            for number, *row in connection.execute(f"{query} ORDER BY rowid {order}"):
                if number not in seen:
                    seen.add(number)
                    yield tuple(row)


def _free_name(path: Path, word: str) -> Path:
    names = (path.with_name(f"{path.stem}.{word}-{i}{path.suffix}") for i in count(1))
    return next(name for name in names if not name.exists())


def _with_journals(path: Path) -> list[Path]:
    """The file, and the two that SQLite keeps beside it: what was committed last may be in there."""
    return [path.with_name(path.name + ending) for ending in ("", "-wal", "-shm")]
