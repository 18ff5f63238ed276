import errno
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from anmok.errors import RunDirectoryError
from anmok.selection.request import Request
from anmok.selection.run_directory import RunDirectory

REQUEST = Request(data="photos")


def test_the_same_request_resumes_and_another_is_refused(tmp_path: Path) -> None:
    with RunDirectory(tmp_path / "run") as run:
        run.claim(REQUEST)
    with RunDirectory(tmp_path / "run") as run:
        run.claim(REQUEST)
        with pytest.raises(RunDirectoryError, match=r"made with another request: seed 0 instead of 1\. Repeat that"):
            run.claim(replace(REQUEST, seed=1))


def test_a_directory_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with (
        RunDirectory(tmp_path) as run,
        pytest.raises(RunDirectoryError, match=r"holds other files \(thesis\.tex, \.\.\.\)\. Choose an empty"),
    ):
        run.claim(REQUEST)


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from anmok.selection.run_directory import RunDirectory\n"
        "from anmok.errors import RunDirectoryError\n"
        "try:\n    RunDirectory(Path(sys.argv[1])).__enter__()\n"
        "except RunDirectoryError as error:\n    print(error)"
    )
    with RunDirectory(tmp_path / "run"):
        said = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "run"], capture_output=True, text=True, check=True
        )
    assert said.stdout == f"Another process is working in '{tmp_path / 'run'}'. Wait for it, or choose another --out.\n"


def test_the_lock_ends_with_the_context(tmp_path: Path) -> None:
    for _ in range(2):
        with RunDirectory(tmp_path / "run"):
            pass


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        sqlite3.OperationalError("database or disk is full"),
        RuntimeError("I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_one_sentence_whoever_found_out(tmp_path: Path, error: Exception) -> None:
    with (
        pytest.raises(RunDirectoryError, match=r"^The disk that holds '.*' is full\. Free some space and repeat"),
        RunDirectory(tmp_path / "run"),
    ):
        raise error


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RunDirectory(tmp_path / "run"):
        _ = 1 / 0


def test_a_place_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunDirectoryError, match=r"cannot be made: .*\. Choose another --out\."):
        RunDirectory(tmp_path / "file" / "run").__enter__()


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"is not a run of Anmok: request\.toml is missing"):
        RunDirectory.existing(tmp_path)
