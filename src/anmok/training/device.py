"""Which device trains, and in which number format."""

import contextlib
from pathlib import Path

import torch

from anmok.training.recipe import Precision


def default_device() -> torch.device:
    """The first accelerator, or the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def resolve(precision: Precision, device: torch.device) -> Precision:
    """Replace `auto` by bf16 where the device computes it natively.

    fp16 is never chosen: on CPUs it is some 70 times slower than bf16, and bf16 needs no loss scaling.
    """
    if precision is not Precision.AUTO:
        return precision
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = device.type == "cpu" and bool({"avx512_bf16", "amx_bf16"} & _cpu_flags())
    return Precision.BF16 if native else Precision.FP32


def autocast(precision: Precision, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Run the forward pass in a resolved precision."""
    if precision is Precision.BF16:
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def _cpu_flags() -> set[str]:
    listing = Path("/proc/cpuinfo")
    if not listing.exists():
        return set()
    for line in listing.read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split())
    return set()
