"""How experience lies in its SQLite file, and what is wrong with a file that was found."""

import sqlite3
from contextlib import closing
from enum import StrEnum
from pathlib import Path

APPLICATION = int.from_bytes(b"Anmk")  # marks the file as ours, so that no other program's database is touched

# Step i leads from layout i to layout i + 1; a new file takes all of them. A step that was released never changes.
STEPS: tuple[str, ...] = (
    """
    CREATE TABLE fingerprints (
        id TEXT PRIMARY KEY, created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, facts TEXT NOT NULL);
    CREATE TABLE trials (
        id INTEGER PRIMARY KEY, created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
        fingerprint TEXT NOT NULL REFERENCES fingerprints (id),
        run TEXT NOT NULL, data TEXT NOT NULL, model TEXT NOT NULL, kind TEXT NOT NULL,
        recipe TEXT NOT NULL, epochs INTEGER NOT NULL, augmentation TEXT NOT NULL,
        fraction REAL NOT NULL, images INTEGER NOT NULL, seed INTEGER NOT NULL,
        select_accuracy REAL, test_accuracy REAL, seconds REAL NOT NULL,
        hardware TEXT NOT NULL, versions TEXT NOT NULL,
        UNIQUE (run, model, recipe, fraction, images, seed));
    """,
)


class State(StrEnum):
    """What a file turns out to be."""

    ABSENT = "absent"  # or empty
    SOUND = "sound"
    OLDER = "older"
    NEWER = "newer"
    DAMAGED = "damaged"
    FOREIGN = "foreign"


def connect(path: Path) -> sqlite3.Connection:
    """Open it without a look inside; a writer waits for others up to a minute."""
    connection = sqlite3.connect(path, timeout=60)
    connection.text_factory = _text
    return connection


def inspect(path: Path) -> State:
    """Look at every page of a file and change nothing."""
    if is_absent(path):
        return State.ABSENT
    try:
        with closing(connect(path)) as connection:
            connection.execute("BEGIN")  # one moment for all that is read: another process may be making the file
            if _number(connection, "PRAGMA application_id") != APPLICATION:
                return State.FOREIGN if _number(connection, "SELECT count(*) FROM sqlite_master") else State.ABSENT
            layout = layout_of(connection)
            if layout > len(STEPS):
                return State.NEWER
            if connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                return State.DAMAGED
            return State.SOUND if layout == len(STEPS) else State.OLDER
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if is_damage(error):
            return State.DAMAGED
        raise


def is_absent(path: Path) -> bool:
    """Whether there is no file, or an empty one."""
    return not path.exists() or path.stat().st_size == 0


def layout_of(connection: sqlite3.Connection) -> int:
    """How many of the steps a file has taken."""
    return _number(connection, "PRAGMA user_version")


def bring_up_to_date(path: Path) -> None:
    """Make a new file or take the steps that are missing, all or none of them; readers and writers may go on."""
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        missing = "".join(STEPS[layout_of(connection) :])
        marks = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {len(STEPS)};"
        connection.executescript(f"BEGIN IMMEDIATE; {missing} {marks} COMMIT;")


def is_damage(error: Exception) -> bool:
    """Whether the file itself is to blame, not its lock, its disk or its permissions."""
    if isinstance(error, UnicodeDecodeError):  # SQLite's own words quote a damaged name
        return True
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _text(stored: bytes) -> str:
    """Read text of which some bytes may have gone bad."""
    return stored.decode(errors="replace")


def _number(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
