"""Files that are damaged, older, newer or somebody else's: what can be read is read, and nothing is ever lost."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anmok.errors import RequestError
from anmok.experience import ExperienceStore, FinishedTrial, layout
from anmok.experience.layout import State
from recorded_past import PHOTOS, TRIAL

ROWS = [replace(TRIAL, seed=seed, hardware="x" * 40) for seed in range(120)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound file of a few dozen pages, its journal written back."""
    path = tmp_path_factory.mktemp("whole") / "e.sqlite"
    ExperienceStore(path).remember(PHOTOS, ROWS)
    assert not path.with_name("e.sqlite-wal").exists()
    return path


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(whole, tmp_path))


def found(store: ExperienceStore) -> list[FinishedTrial]:
    return [trial for _, trial in store.trials()]


def test_a_file_that_lost_its_end_is_kept_and_its_readable_rows_are_taken_over(path: Path) -> None:
    damaged = path.read_bytes()[: 3 * path.stat().st_size // 4]
    path.write_bytes(damaged)
    store = ExperienceStore(path)
    rows = found(store)
    assert rows
    assert all(row in ROWS for row in rows)
    (note,) = store.notes
    kept = "it is kept as 'e.damaged-1.sqlite', and the"
    assert note == f"'{path}' was damaged: {kept} {len(rows):,} rows that can be read were taken over."
    assert path.with_name("e.damaged-1.sqlite").read_bytes() == damaged
    assert store.remember(PHOTOS, ROWS) == len(ROWS) - len(rows)
    assert ExperienceStore(path).notes == []


def test_the_rows_on_both_sides_of_a_bad_page_are_taken_over(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        leaf = connection.execute(
            "SELECT pageno FROM dbstat WHERE name = 'trials' AND pagetype = 'leaf' ORDER BY path LIMIT 1 OFFSET 3"
        ).fetchone() if _has_dbstat(connection) else (8,)  # fmt: skip
    size = 4096
    contents = bytearray(path.read_bytes())
    contents[(leaf[0] - 1) * size : leaf[0] * size] = b"\xa5" * size
    path.write_bytes(contents)
    seeds = [row.seed for row in found(ExperienceStore(path))]
    assert {0, 119} <= set(seeds) < set(range(120))


def _has_dbstat(connection: sqlite3.Connection) -> bool:
    return any("ENABLE_DBSTAT_VTAB" in option for (option,) in connection.execute("PRAGMA compile_options"))


def test_a_file_of_rubbish_is_kept_and_a_second_one_too(tmp_path: Path) -> None:
    path = tmp_path / "e.sqlite"
    for number in (1, 2):
        path.write_bytes(b"no database" * 100 * number)
        store = ExperienceStore(path)
        assert found(store) == []
        assert f"kept as 'e.damaged-{number}.sqlite', and the 0 rows" in store.notes[0]
        assert store.remember(PHOTOS, ROWS[:1]) == 1
        assert path.with_name(f"e.damaged-{number}.sqlite").read_bytes() == b"no database" * 100 * number


def test_damage_that_comes_while_it_is_open_is_mended_too(path: Path) -> None:
    store = ExperienceStore(path)
    path.write_bytes(path.read_bytes()[:4096] + b"\0" * 4096 * 3)
    assert all(row in ROWS for row in found(store))
    assert len(store.notes) == 1
    store.remember(PHOTOS, ROWS)
    assert len(found(store)) == len(ROWS)


@settings(max_examples=12)
@given(data=st.data())
def test_whatever_bytes_go_bad_it_opens_again_or_is_left_as_it_is(
    data: st.DataObject, whole: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    contents = bytearray(whole.read_bytes())
    start = data.draw(st.integers(0, len(contents) - 1))
    contents[start : start + data.draw(st.integers(1, 9000))] = data.draw(st.binary(min_size=1, max_size=9000))
    path = tmp_path_factory.mktemp("bad") / "e.sqlite"
    path.write_bytes(contents)
    try:
        store = ExperienceStore(path)
        assert len(found(store)) <= len(ROWS)
        store.fingerprints()
        store.remember(PHOTOS, ROWS[:1])
    except RequestError:  # the mark that says whose file it is went bad, or a name in it
        assert path.read_bytes() == contents
    else:
        assert ("damaged" in "".join(store.notes)) == path.with_name("e.damaged-1.sqlite").exists()


@pytest.fixture
def torn(tmp_path: Path) -> Iterator[tuple[Path, bytes, bytes]]:
    """A file with 5 rows in it and 20 in its journal, as a power cut finds it."""
    path = tmp_path / "live" / "e.sqlite"
    store = ExperienceStore(path)
    store.remember(PHOTOS, ROWS[:5])
    holder = sqlite3.connect(path)  # keeps the journal from being written back
    holder.execute("SELECT count(*) FROM trials").fetchone()
    for row in ROWS[5:25]:
        store.remember(PHOTOS, [row])
    yield path, path.read_bytes(), path.with_name("e.sqlite-wal").read_bytes()
    holder.close()


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.77, 1.0])
def test_a_torn_write_loses_no_earlier_row(share: float, torn: tuple[Path, bytes, bytes], tmp_path: Path) -> None:
    _, main, journal = torn
    path = tmp_path / "e.sqlite"
    path.write_bytes(main)
    path.with_name("e.sqlite-wal").write_bytes(journal[: int(share * len(journal))])
    store = ExperienceStore(path)
    rows = found(store)
    assert rows == ROWS[: len(rows)]
    assert 5 + int(20 * share) - 1 <= len(rows) <= 25
    assert store.notes == []


def test_a_newer_file_stays_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    newer = path.read_bytes()
    for expected in (0, 1):
        store = ExperienceStore(path)
        assert store.path == path.with_name("e-layout1.sqlite")
        assert store.notes == [
            f"'{path}' is of a newer Anmok and stays as it is: this one remembers in 'e-layout1.sqlite'."
        ]
        assert len(found(store)) == expected
        store.remember(PHOTOS, ROWS[:1])
    assert path.read_bytes() == newer


def test_an_older_file_is_brought_up_to_date_and_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "STEPS", (*layout.STEPS, "ALTER TABLE trials ADD COLUMN energy REAL;"))
    store = ExperienceStore(path)
    assert store.notes == [
        f"'{path}' was of an older Anmok and has been brought up to date: 'e.older-1.sqlite' is as it was."
    ]
    assert found(store) == ROWS
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*), count(energy) FROM trials").fetchone() == (120, 0)
    with closing(sqlite3.connect(path.with_name("e.older-1.sqlite"))) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM trials").fetchone() == (120,)
    assert ExperienceStore(path).notes == []


def test_a_step_that_fails_leaves_the_older_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()
    monkeypatch.setattr(layout, "STEPS", (*layout.STEPS, "CREATE TABLE x (a); ALTER TABLE missing ADD COLUMN b;"))
    with pytest.raises(RequestError, match=r"cannot be used: no such table: missing\."):
        ExperienceStore(path)
    monkeypatch.undo()
    assert found(ExperienceStore(path)) == ROWS
    assert path.read_bytes() == before


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")
    before = path.read_bytes()
    message = r"^'.*notes\.sqlite' is another program's database\. Name another file with --experience\.$"
    with pytest.raises(RequestError, match=message):
        ExperienceStore(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["notes.sqlite"]


def test_a_file_that_is_being_made_is_never_taken_for_another_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "e.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    read = layout._number

    def overtaken(connection: sqlite3.Connection, query: str) -> int:
        number = read(connection, query)
        monkeypatch.setattr(layout, "_number", read)
        layout.bring_up_to_date(path)
        return number

    monkeypatch.setattr(layout, "_number", overtaken)
    assert layout.inspect(path) is State.ABSENT
    assert layout.inspect(path) is State.SOUND


def test_a_data_set_whose_facts_went_bad_is_left_out_and_told(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE fingerprints SET facts = replace(facts, '4000', '9000')")
        connection.execute("INSERT INTO fingerprints (id, facts) VALUES ('x', '{')")
    store = ExperienceStore(path)
    assert store.fingerprints() == {}
    assert store.notes == [f"'{path}': 2 of 2 data sets cannot be read."]
