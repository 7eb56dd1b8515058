"""The memory of the whole agent, summed line by line before anything is allocated.

    baseline    what the process has resident when its modules are loaded, measured
    threads     stacks of the threads that store and send
    delivery    a window read out, encoded and compressed; a batch on its way; names of what is spooled
    report      what is shown: endpoints since the start
    slack       fragmentation, the interpreter's own growth
    ring        packets the kernel has for us (interfaces), or a file's read buffers
    arena       flows, messages, shapes, windows: everything traffic can make us keep

A `memory` too small for the first five and the smallest useful ring and arena stops the start.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from whimbrel.base.errors import UsageError
from whimbrel.base.options import size_text

KIB, MIB = 1 << 10, 1 << 20
THREADS = 2
THREAD_BYTES = 160 * KIB  # touched stack and allocator arena, measured 90-130 KiB
DELIVERY_SHARE, DELIVERY_MIN = 16, 4 * MIB
REPORT_SHARE, REPORT_MIN = 32, 2 * MIB  # 340 endpoints
REPORT_SHARE_FILES = 8  # a file's table is read whole: 1,365 of them in 64 MiB
SLACK_SHARE, SLACK_MIN = 32, 2 * MIB
RING_SHARE = 4  # of what is left: 64 MiB hold about 8 MiB of ring, 60 ms of a gigabit
RING_MIN, RING_MAX = 2 * MIB, 256 * MIB
READER_BYTES = 1 * MIB  # a file's block, its inflated block, a longest packet
ARENA_SIDE = 64  # the arena's map of itself: a byte for every 64
ARENA_MIN = 8 * MIB


@dataclass(frozen=True)
class Budget:
    """Bytes; their sum is at most `memory`, and less by under a MiB: the arena is whole MiB."""

    baseline: int
    threads: int
    delivery: int
    report: int
    slack: int
    ring: int
    arena: int

    def lines(self) -> list[tuple[str, int]]:
        return [(row.name, getattr(self, row.name)) for row in fields(self)]


def plan(memory_bytes: int, baseline: int, *, live: bool, delivers: bool) -> Budget:
    """Every line; UsageError with the smallest memory that would do."""
    planned = split(memory_bytes, baseline, live, delivers)
    if planned.arena >= ARENA_MIN:
        return planned
    least = memory_bytes // MIB * MIB
    while split(least, baseline, live, delivers).arena < ARENA_MIN:
        least += MIB
    parts = ", ".join(f"{name} {size // KIB} KiB" for name, size in planned.lines() if name != "arena" and size)
    raise UsageError(
        f"--memory {size_text(memory_bytes)}: too small, expected at least {size_text(least)} "
        f"({parts}, arena at least {ARENA_MIN // KIB} KiB)"
    )


def split(memory_bytes: int, baseline: int, live: bool, delivers: bool) -> Budget:
    """Every line, the arena perhaps smaller than is of use."""
    fixed = {
        "baseline": baseline,
        "threads": THREADS * THREAD_BYTES if delivers else 0,
        "delivery": max(DELIVERY_MIN, memory_bytes // DELIVERY_SHARE),
        "report": max(REPORT_MIN, memory_bytes // (REPORT_SHARE if live else REPORT_SHARE_FILES)),
        "slack": max(SLACK_MIN, memory_bytes // SLACK_SHARE),
    }
    left = memory_bytes - sum(fixed.values())
    spare = left - ARENA_MIN * (ARENA_SIDE + 1) // ARENA_SIDE - 1
    ring = max(min(left // RING_SHARE, spare, RING_MAX), RING_MIN) if live else READER_BYTES
    return Budget(ring=ring, arena=(left - ring) * ARENA_SIDE // (ARENA_SIDE + 1) // MIB * MIB, **fixed)
