"""How many actors there are and what they are given; that they work is tested with the other engine's processes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from anmok.errors import RequestError
from anmok.selection.executor import Briefing

pytest.importorskip("ray")
from anmok.selection import crew_ray
from anmok.selection.crew_ray import RayEngine

BRIEFING = Briefing(Path("run"), 16, ("a", "b"))


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a cluster that was joined before has; and what was asked of it."""
    state: dict[str, Any] = {"resources": {"CPU": 16.0}}

    def remote(**needs: int) -> Any:
        state["needs"] = needs
        return lambda executor: executor

    fake = SimpleNamespace(
        is_initialized=lambda: True, cluster_resources=lambda: state["resources"], remote=remote, shutdown=None
    )
    monkeypatch.setattr(crew_ray, "ray", fake)
    return state


def test_a_worker_takes_a_cpu_or_a_gpu_where_there_are_some(cluster: dict[str, Any]) -> None:
    assert RayEngine(BRIEFING, None, most=9).size == 9
    assert RayEngine(BRIEFING, 12, most=9).size == 12
    assert cluster["needs"] == {"num_cpus": 1}
    cluster["resources"]["GPU"] = 4.0
    assert RayEngine(BRIEFING, None, most=9).size == 4
    assert cluster["needs"] == {"num_cpus": 0, "num_gpus": 1}


def test_more_workers_than_the_cluster_has_processors_is_one_sentence(cluster: dict[str, Any]) -> None:
    with pytest.raises(
        RequestError, match=r"^--workers must not be more than the Ray cluster has CPUs, one for each: got 17 for 16\.$"
    ):
        RayEngine(BRIEFING, 17, most=9)


@pytest.mark.parametrize("fault", [ConnectionError, ValueError])
def test_a_cluster_that_does_not_answer_is_one_sentence(
    fault: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(address: str, **_: Any) -> None:
        raise fault(address)

    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    monkeypatch.setattr(crew_ray.ray, "init", init)
    with pytest.raises(
        RequestError, match=r"^No Ray cluster answers at '10\.0\.0\.1:6379', which RAY_ADDRESS names\. "
    ):
        RayEngine(BRIEFING, 2, most=9)
