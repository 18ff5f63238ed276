import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from anmok.errors import RequestError
from anmok.evaluation.energy import Accelerator, Packages, measure_energy, open_counter

RANGE = 1_000_000  # microjoules at which the fake counters wrap around


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    """Two packages, a part of the first, and the whole platform, as Linux shows them."""
    for zone, name in (
        ("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "core"), ("intel-rapl:1", "package-1"),
        ("intel-rapl:2", "psys"), ("intel-rapl", "none"),
    ):  # fmt: skip
        (tmp_path / zone).mkdir()
        (tmp_path / zone / "name").write_text(f"{name}\n")
        (tmp_path / zone / "max_energy_range_uj").write_text(f"{RANGE}\n")
        count(tmp_path, zone, 900_000)
    return tmp_path


def count(powercap: Path, zone: str, microjoules: int) -> None:
    (powercap / zone / "energy_uj").write_text(f"{microjoules}\n")


def test_joules_are_the_sum_over_the_packages_and_nothing_else(powercap: Path) -> None:
    counter = Packages(powercap)
    assert counter.read() == 0
    count(powercap, "intel-rapl:0", 950_000)
    count(powercap, "intel-rapl:1", 910_000)
    for zone in ("intel-rapl:0:0", "intel-rapl:2", "intel-rapl"):
        count(powercap, zone, 999_999)
    assert counter.read() == pytest.approx(0.06)


def test_a_counter_that_wraps_around_goes_on(powercap: Path) -> None:
    counter, read = Packages(powercap), []
    for step in range(1, 30):
        count(powercap, "intel-rapl:0", (900_000 + 70_000 * step) % RANGE)
        read.append(counter.read())
    assert read == pytest.approx([0.07 * step for step in range(1, 30)])


def test_energy_of_one_run_is_that_of_all_over_their_number(powercap: Path) -> None:
    """Each run takes 30 mJ of each package; so slow ones that the counters do not wrap around twice."""
    runs = []

    def run() -> None:
        time.sleep(0.005)
        runs.append(None)
        for zone in ("intel-rapl:0", "intel-rapl:1"):
            count(powercap, zone, (900_000 + 30_000 * len(runs)) % RANGE)

    assert measure_energy(run, Packages(powercap), seconds=0.05) == pytest.approx(0.06)
    assert len(runs) > 4
    runs.clear()
    assert measure_energy(run, Packages(powercap), seconds=0.0) == pytest.approx(0.06)
    assert len(runs) == 4  # three to warm up, and one


def test_what_cannot_be_read_is_one_sentence(powercap: Path, tmp_path: Path) -> None:
    remedy = "Choose another --prefer, or a machine that shows it."
    with pytest.raises(RequestError) as error:
        Packages(tmp_path / "nothing")
    assert str(error.value) == (
        f"Energy cannot be read here: '{tmp_path}/nothing' has no intel-rapl:* of a processor package. {remedy}"
    )
    file = powercap / "intel-rapl:1" / "energy_uj"
    file.unlink()
    file.mkdir()  # what root may not read either
    with pytest.raises(RequestError) as error:
        Packages(powercap)
    assert str(error.value) == f"Energy cannot be read here: '{file}' cannot be read (Is a directory). {remedy}"


class NVMLError(Exception):
    """What NVML raises."""


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """An accelerator whose counter shows these millijoules, one after the other."""
    shown: list[int] = []

    def total(handle: str) -> int:
        assert handle == "handle of GPU-1234"
        if not shown:
            raise NVMLError("Not Supported")
        return shown.pop(0)

    module = SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: f"handle of {uuid}",
        nvmlDeviceGetTotalEnergyConsumption=total,
    )
    monkeypatch.setitem(sys.modules, "pynvml", module)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="1234"))
    return shown


def test_an_accelerator_is_read_through_nvml(nvml: list[int]) -> None:
    nvml += [5000, 6000, 9000]
    counter = open_counter(torch.device("cuda"))
    assert isinstance(counter, Accelerator)
    assert measure_energy(lambda: None, counter, seconds=0.0) == pytest.approx(3.0)


def test_an_accelerator_that_does_not_tell_is_one_sentence(nvml: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        RequestError, match=r"^Energy cannot be read here: NVML does not tell .* \(Not Supported\)\. Ch"
    ):
        Accelerator()
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(RequestError, match=r"here: NVML is read through nvidia-ml-py, which is not installed\. Ch"):
        Accelerator()
