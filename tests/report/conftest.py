"""Run directories to report on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from anmok.selection.run_directory import RunDirectory
from recorded_run import Scene, build_run


@pytest.fixture
def build(tmp_path: Path) -> Callable[[Scene], RunDirectory]:
    """Makes a run directory from a scene."""

    def make(scene: Scene) -> RunDirectory:
        return build_run(tmp_path / "run", scene)

    return make


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """The usual run, finished."""
    return build_run(tmp_path_factory.mktemp("usual") / "run", Scene(max_latency=4.0))
