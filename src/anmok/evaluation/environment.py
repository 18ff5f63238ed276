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
    return {"processor": name_processor(), "cores": processor_count(), "accelerator": accelerator}


@functools.cache
def describe_versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in ("anmok", "torch", "numpy")
    }


def name_processor(listing: Path = Path("/proc/cpuinfo"), board: Path = Path("/proc/device-tree/model")) -> str:
    """Its name; on a small computer, whose processor has none, that of the board."""
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if board.exists():
        return board.read_text().strip("\0 \n")
    return platform.processor() or platform.machine()
