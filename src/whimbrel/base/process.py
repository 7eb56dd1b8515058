"""This process's memory: what it has resident, and an allocator that gives back what it no longer needs."""

import ctypes
import threading
from pathlib import Path

STACK_BYTES = 512 * 1024  # of a thread; data paths need a few KiB, rare answers in Python some more
M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -8, -3, -1
MAPPED_BYTES = 128 * 1024  # as in server/state.pxd: larger buffers are mapped apart and return when freed


def prepare_process() -> None:
    """Settings of the allocator and of threads, before the first of them."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc's; other allocators return memory in their own way
        libc.mallopt(M_ARENA_MAX, 2)
        libc.mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, MAPPED_BYTES)
    threading.stack_size(STACK_BYTES)


def resident_bytes() -> int:
    """What this process has resident now."""
    return _status_bytes("VmRSS:")


def resident_peak_bytes() -> int:
    """The most it had at any time."""
    return _status_bytes("VmHWM:")


def _status_bytes(field: str) -> int:
    with Path("/proc/self/status").open(encoding="ascii") as file:
        for line in file:
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    raise OSError(f"no {field[:-1]} in /proc/self/status")
