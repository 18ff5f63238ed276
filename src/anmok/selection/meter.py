"""Where latency and memory come from: this machine, or the device that was measured with `anmok bench`."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from anmok.backbone.evaluating import evaluating
from anmok.catalogue import split_tag
from anmok.errors import RequestError, RunDirectoryError
from anmok.evaluation.cost import Latency, measure_latencies, measure_memory
from anmok.evaluation.device_costs import MACHINE, Device, DeviceCosts, Runtime
from anmok.evaluation.energy import measure_energy, open_counter
from anmok.evaluation.measurements import Measurement
from anmok.training.device import default_device

HERE = "this machine"


class Reading(NamedTuple):
    """What one network costs for one image."""

    latency: Latency
    memory: float  # MiB, peak
    energy: float | None = None  # mJ; None where no counter tells it


@runtime_checkable
class Meter(Protocol):
    """Something that tells what networks cost for one image."""

    @property
    def device(self) -> Device:
        """Where and how they answer."""

    @property
    def machine(self) -> str:
        """Its name; empty where it is this one."""

    def __call__(self, networks: Mapping[str, nn.Module], image: Tensor) -> list[Reading]:
        """A reading of each, by the names of the models, for one image; nothing else should run meanwhile."""


@dataclass(frozen=True)
class TorchMeter:
    """Measures here, in PyTorch, on the accelerator if there is one."""

    threads: int = 1
    machine: str = ""

    @property
    def device(self) -> Device:
        """The machine that this runs on."""
        return Device.here(default_device().type, Runtime.TORCH, self.threads)

    def __call__(self, networks: Mapping[str, nn.Module], image: Tensor) -> list[Reading]:
        """All in turns."""
        run = [network.to(default_device()) for network in networks.values()]
        image = image.to(default_device())
        threads = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            latencies = measure_latencies(run, image)
            energies = _energies(run, image)
        finally:
            torch.set_num_threads(threads)
        return [
            Reading(latency, measure_memory(network, image), energy)
            for network, latency, energy in zip(run, latencies, energies, strict=True)
        ]


@dataclass(frozen=True)
class FileMeter:
    """Reads what was measured on another device; raises `RequestError` for a model that was not."""

    costs: DeviceCosts
    path: Path

    @property
    def device(self) -> Device:
        """That other device."""
        return self.costs.device

    @property
    def machine(self) -> str:
        """Its name."""
        return self.costs.device.name

    def __call__(self, networks: Mapping[str, nn.Module], image: Tensor) -> list[Reading]:
        """Look each up."""
        side = image.shape[-1]
        found = [(split_tag(model)[0], self.costs.find(split_tag(model)[0], side)) for model in networks]
        missing = list(dict.fromkeys(model for model, row in found if row is None))
        if missing:
            raise RequestError(
                f"'{self.path}' lacks {', '.join(missing)} at {side} x {side} pixels. "
                f"On that device run `{self._command(missing, side)}`, then repeat."
            )
        return [Reading(row.latency, row.memory_mib) for _, row in found if row]

    def check_unchanged(self, latencies: Iterable[Measurement]) -> None:
        """Raise `RunDirectoryError` where the file says something else than when these rows were taken from it."""
        for known in latencies:
            now = self.costs.find(split_tag(known.subject)[0], int(known.conditions["image_size"]))
            same_device = {**self.device.conditions, MACHINE: self.machine}.items() <= known.conditions.items()
            if now is None or (now.latency_ms, now.latency_p95_ms) != (known.value, known.high) or not same_device:
                raise RunDirectoryError(
                    f"'{self.path}' has changed since this run took the latency of {known.subject} from it, "
                    f"{known.value:.4g} ms. Choose another --out, or the file as it was."
                )

    def _command(self, models: Sequence[str], side: int) -> str:
        words = ["anmok", "bench", *models, "--image-size", str(side)]
        if self.device.runtime is not Runtime.TORCH:
            words += ["--runtime", self.device.runtime]
        if self.device.threads != 1:
            words += ["--threads", str(self.device.threads)]
        return shlex.join([*words, "--out", self.path.name])


def require_energy(meter: Meter) -> None:
    """Raise `RequestError` where a meter tells no energy, by which models are to be chosen."""
    if not isinstance(meter, TorchMeter):
        raise RequestError("--prefer energy is measured on this machine, in PyTorch. Leave out --device and --runtime.")
    open_counter(default_device())


def _energies(networks: Sequence[nn.Module], image: Tensor) -> list[float | None]:
    """Millijoules of each network's answer; None where this machine shows no counter."""
    try:
        counter = open_counter(image.device)
    except RequestError:
        return [None] * len(networks)

    def answer(network: nn.Module) -> None:
        network(image)
        if image.is_cuda:
            torch.cuda.synchronize()

    found: list[float | None] = []
    for network in networks:
        with torch.no_grad(), evaluating(network):
            found.append(1000 * measure_energy(partial(answer, network), counter))
    return found


def blank(side: int) -> Tensor:
    """One black image."""
    return torch.zeros(1, 3, side, side)
