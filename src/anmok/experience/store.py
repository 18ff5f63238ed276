"""Experience of this machine: an append-only SQLite file that many processes may share. Nothing leaves the machine."""

import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import asdict, fields
from pathlib import Path
from typing import TypeVar

from anmok.errors import RequestError
from anmok.experience import layout
from anmok.experience.fingerprint import Fingerprint
from anmok.experience.mending import make, mend
from anmok.experience.records import FinishedTrial

Result = TypeVar("Result")

_COLUMNS = tuple(f.name for f in fields(FinishedTrial))


class ExperienceStore:
    """Finished trainings beside the fingerprint of their data set; made by the first `remember`.

    A file that is damaged or of an older layout is mended when it is opened, and one of a newer layout is left
    alone; `notes` says so in a sentence each. On a network drive SQLite's write-ahead log works from one host at
    a time. Raises `RequestError` when the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self._guarded(self._mend)

    def remember(self, fingerprint: Fingerprint, trials: Iterable[FinishedTrial]) -> int:
        """Add what is not there yet, all or nothing; says how many rows that were."""
        rows = [(fingerprint.id, *asdict(trial).values()) for trial in trials]

        def add() -> int:
            make(self.path)
            with closing(layout.connect(self.path)) as connection:
                return _insert(connection, fingerprint, rows)

        return self._guarded(add)

    def fingerprints(self) -> dict[str, Fingerprint]:
        """The fingerprint behind each id; one that cannot be read is left out, with a note."""
        read = {id: _parse(facts) for id, facts in self._select("SELECT id, facts FROM fingerprints ORDER BY rowid")}
        sound = {id: found for id, found in read.items() if found is not None and found.id == id}
        if len(sound) < len(read):
            self.notes.append(f"'{self.path}': {len(read) - len(sound)} of {len(read)} data sets cannot be read.")
        return sound

    def trials(self) -> list[tuple[str, FinishedTrial]]:
        """Every row with the id of its fingerprint, in the order in which they were added."""
        found = self._select(f"SELECT fingerprint, {', '.join(_COLUMNS)} FROM trials ORDER BY id")
        return [(id, FinishedTrial(**dict(zip(_COLUMNS, row, strict=True)))) for id, *row in found]

    def _select(self, query: str) -> list[tuple]:  # type: ignore[type-arg]
        def read() -> list[tuple]:  # type: ignore[type-arg]
            if layout.is_absent(self.path):
                return []
            with closing(layout.connect(self.path)) as connection:
                return connection.execute(query).fetchall()

        return self._guarded(read)

    def _mend(self) -> None:
        self.path, note = mend(self.path)
        if note:
            self.notes.append(note)
            self._mend()  # the file to use instead may need it too

    def _guarded(self, action: Callable[[], Result], *, may_mend: bool = True) -> Result:
        """Act; when the file proves damaged, mend it and act once more."""
        try:
            return action()
        except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
            if may_mend and layout.is_damage(error):
                self._guarded(self._mend, may_mend=False)
                return self._guarded(action, may_mend=False)
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            raise RequestError(
                f"The experience in '{self.path}' cannot be used: {reason}. Name another file with --experience."
            ) from error


def _insert(connection: sqlite3.Connection, fingerprint: Fingerprint, rows: list[tuple[object, ...]]) -> int:
    facts = json.dumps(fingerprint.to_dict())
    places = ", ".join("?" * (len(_COLUMNS) + 1))
    connection.execute("PRAGMA synchronous = FULL")  # so that what was added survives a power cut
    with connection:
        connection.execute("INSERT OR IGNORE INTO fingerprints (id, facts) VALUES (?, ?)", (fingerprint.id, facts))
        added = connection.executemany(
            f"INSERT INTO trials (fingerprint, {', '.join(_COLUMNS)}) VALUES ({places}) ON CONFLICT DO NOTHING", rows
        )
        return added.rowcount if rows else 0


def _parse(facts: str) -> Fingerprint | None:
    try:
        return Fingerprint.from_dict(json.loads(facts))
    except (ValueError, TypeError, AttributeError):  # flipped bits; a DataError when an older Anmok took other facts
        return None
