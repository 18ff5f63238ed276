"""Joules that a network's answers take, by the counters of the machine.

Processors are read through Linux powercap (RAPL, of Intel and AMD: the energy of whole packages, in microjoules), an
accelerator through NVML (pip install nvidia-ml-py: that of the whole board). Both count all that draws power there,
idle cores and other programs too, and nothing is subtracted: what an image takes on a machine that does nothing else.
"""

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from anmok.errors import RequestError

POWERCAP = Path("/sys/class/powercap")
_SECONDS = 0.4  # of repetitions: counters advance once in a millisecond (RAPL) to a tenth of a second (NVML)
_WARM_UP = 3  # repetitions before that


@runtime_checkable
class Counter(Protocol):
    """Something that counts energy."""

    def read(self) -> float:
        """Joules since the counter was opened."""


class Packages:
    """The processor packages of a powercap folder; to be read more often than they wrap around, after some minutes."""

    def __init__(self, folder: Path = POWERCAP) -> None:
        """Raises `RequestError` where no package can be read."""
        zones = [zone for zone in sorted(folder.glob("intel-rapl:*")) if zone.name.count(":") == 1]
        try:
            packages = [zone for zone in zones if (zone / "name").read_text().startswith("package")]
            self._files = [zone / "energy_uj" for zone in packages]
            self._ranges = [int((zone / "max_energy_range_uj").read_text()) for zone in packages]
            self._last = [int(file.read_text()) for file in self._files]
        except OSError as error:
            raise _unreadable(f"'{error.filename}' cannot be read ({error.strerror})") from error
        if not packages:
            raise _unreadable(f"'{folder}' has no intel-rapl:* of a processor package")
        self._microjoules = 0

    def read(self) -> float:
        """Joules since this was opened; a counter that is lower than before has wrapped around once."""
        now = [int(file.read_text()) for file in self._files]
        for before, after, most in zip(self._last, now, self._ranges, strict=True):
            self._microjoules += after - before if after >= before else after - before + most
        self._last = now
        return self._microjoules / 1e6


class Accelerator:
    """The current CUDA device, since its driver was loaded."""

    def __init__(self) -> None:
        """Raises `RequestError` where NVML does not tell."""
        try:
            self._nvml: Any = importlib.import_module("pynvml")
        except ModuleNotFoundError:
            raise _unreadable("NVML is read through nvidia-ml-py, which is not installed") from None
        try:
            self._nvml.nvmlInit()
            uuid = torch.cuda.get_device_properties(torch.cuda.current_device()).uuid
            self._device = self._nvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
            self.read()
        except self._nvml.NVMLError as error:
            raise _unreadable(f"NVML does not tell that of this accelerator ({error})") from error

    def read(self) -> float:
        """Joules."""
        return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._device)) / 1e3


def open_counter(device: torch.device) -> Counter:
    """The counter of the device that computes; raises `RequestError` where this machine shows none."""
    return Accelerator() if device.type == "cuda" else Packages()


def measure_energy(run: Callable[[], object], counter: Counter, *, seconds: float = _SECONDS) -> float:
    """Joules of one run, mean over as many as fit into the time; a run ends when its work is done."""
    for _ in range(_WARM_UP):
        run()
    before, start, runs = counter.read(), time.perf_counter(), 0
    while not runs or time.perf_counter() - start < seconds:
        run()
        runs += 1
    return (counter.read() - before) / runs


def _unreadable(why: str) -> RequestError:
    return RequestError(f"Energy cannot be read here: {why}. Choose another --prefer, or a machine that shows it.")
