"""Where a value was measured: the processor, the accelerator, the versions."""

import functools
import os
import platform
from importlib import metadata
from pathlib import Path

import torch


@functools.cache
def describe_hardware() -> dict[str, str | int]:
    """Processor, number of usable cores and accelerator of this machine."""
    accelerator = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {"processor": _processor(), "cores": usable_cores(), "accelerator": accelerator}


@functools.cache
def describe_versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in ("anmok", "torch", "numpy")
    }


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
