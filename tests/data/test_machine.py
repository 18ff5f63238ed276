import os
from pathlib import Path

import pytest

from anmok.data import machine
from anmok.data.machine import memory_size, processor_count


def test_memory_is_the_containers_where_it_has_less_and_shared_by_the_processes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    monkeypatch.setattr(machine, "_CONTAINER", (tmp_path / "max", tmp_path / "missing"))
    (tmp_path / "max").write_text("max\n")
    whole = memory_size()
    assert whole > 2**28
    (tmp_path / "max").write_text("1000000\n")
    assert memory_size() == 1000000
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert memory_size() == 250000


def test_processes_share_the_processors_and_each_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    for processes, own in ((1, 6), (2, 3), (4, 1), (8, 1)):
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
        assert processor_count() == own
