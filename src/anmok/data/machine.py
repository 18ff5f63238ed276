"""What this process may use of the machine."""

import ctypes
import os
import sys
from pathlib import Path

_CONTAINER = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_size() -> int:
    """Bytes of memory that this process may use: the machine's, or its container's where that is less.

    The processes that torchrun started on this machine share it evenly.
    """
    limits = [_machine_memory()]
    for path in _CONTAINER:
        try:
            limits.append(int(path.read_text()))
        except (OSError, ValueError):  # no such file; "max"
            continue
    return min(limits) // _processes()


def processor_count() -> int:
    """Processors that this process may keep busy: its even share of those that it may run on, at least 1."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, usable // _processes())


def _processes() -> int:
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # set by torchrun


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = (("length", ctypes.c_uint32), ("load", ctypes.c_uint32), ("sizes", ctypes.c_uint64 * 7))


def _machine_memory() -> int:
    if sys.platform == "win32":
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return int(status.sizes[0])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
