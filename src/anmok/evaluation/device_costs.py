"""What models cost on one device: the one that selects, or the one that their user has in mind."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib import metadata
from typing import get_type_hints

import polars as pl

from anmok.evaluation.cost import Latency
from anmok.evaluation.environment import describe_hardware, describe_versions
from anmok.evaluation.measurements import Scalar

MACHINE = "machine"  # the condition that names the device of a value which was not measured here


class Runtime(StrEnum):
    """What runs a network."""

    TORCH = "torch"  # as it is trained
    ONNXRUNTIME = "onnxruntime"  # as it is exported


@dataclass(frozen=True, kw_only=True)
class Device:
    """Where and how images were answered, one at a time."""

    processor: str
    cores: int
    accelerator: str
    type: str  # of torch's device that answered: cpu, cuda or mps
    runtime: Runtime
    threads: int
    versions: Mapping[str, str]

    @staticmethod
    def here(type: str, runtime: Runtime, threads: int) -> "Device":
        """What this machine is."""
        hardware = describe_hardware()
        versions = describe_versions()
        if runtime is Runtime.ONNXRUNTIME:
            versions = versions | {runtime: metadata.version(runtime)}
        return Device(
            processor=str(hardware["processor"]),
            cores=int(hardware["cores"]),
            accelerator=str(hardware["accelerator"]),
            type=type,
            runtime=runtime,
            threads=threads,
            versions=versions,
        )

    @property
    def name(self) -> str:
        """What answered: the accelerator, or the processor."""
        return self.accelerator if self.type == "cuda" else self.processor

    @property
    def conditions(self) -> dict[str, Scalar]:
        """What has to be equal before two latencies may be compared."""
        return {"batch": 1, "threads": self.threads, "device": self.type, "runtime": self.runtime.value}

    def differences(self, other: "Device") -> list[str]:
        """What another one has instead, one phrase a difference."""
        mine, its = ({**asdict(device), **device.versions, "versions": None} for device in (self, other))
        return [f"{n} {mine[n]} instead of {its[n]}" for n in mine if n in its and mine[n] != its[n]]


@dataclass(frozen=True, kw_only=True)
class DeviceCost:
    """What one model costs there, for one image."""

    model: str
    image_size: int  # pixels of a side
    num_classes: int
    latency_ms: float  # p50
    latency_p95_ms: float
    n: int  # passes
    memory_mib: float  # peak: all live tensors in PyTorch, what a process grows by in onnxruntime
    params: int
    macs: int

    @property
    def latency(self) -> Latency:
        """Time of one image."""
        return Latency(p50=self.latency_ms, p95=self.latency_p95_ms, n=self.n)


@dataclass(frozen=True)
class DeviceCosts:
    """What models cost on one device, in the order in which they were measured."""

    device: Device
    rows: tuple[DeviceCost, ...] = ()

    @property
    def frame(self) -> pl.DataFrame:
        """A row for each model and image size."""
        return pl.DataFrame([asdict(row) for row in self.rows], schema=get_type_hints(DeviceCost))

    def find(self, model: str, image_size: int) -> DeviceCost | None:
        """The row of a model; the number of classes is left open, because it hardly changes a latency."""
        return next((row for row in self.rows if (row.model, row.image_size) == (model, image_size)), None)

    def updated(self, rows: Iterable[DeviceCost]) -> "DeviceCosts":
        """These with further rows, which replace those of the same models and image sizes."""
        kept = {(row.model, row.image_size): row for row in (*self.rows, *rows)}
        return DeviceCosts(self.device, tuple(kept.values()))


def circumstances(conditions: Mapping[str, Scalar]) -> str:
    """The conditions of a latency as a sentence has them after 'on': one thread of Raspberry Pi 5 through onnxruntime.

    No machine is named where it is the one that selects.
    """
    threads = conditions.get("threads", 1)
    machine, runtime = conditions.get(MACHINE), conditions.get("runtime", Runtime.TORCH)
    return (
        ("one thread" if threads == 1 else f"{threads} threads")
        + (f" of {machine}" if machine else "")
        + ("" if runtime == Runtime.TORCH else f" through {runtime}")
    )
