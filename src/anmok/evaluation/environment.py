"""Where a value was measured: the processor, the accelerator, the versions."""

import functools
import platform
from importlib import metadata
from pathlib import Path

import torch

from anmok.data import processor_count


@functools.cache
def describe_hardware() -> dict[str, str | int]:
    """Processor, number of usable cores and accelerator of this machine."""
    accelerator = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {"processor": _processor(), "cores": processor_count(), "accelerator": accelerator}


@functools.cache
def describe_versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in ("anmok", "torch", "numpy")
    }


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
