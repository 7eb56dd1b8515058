"""The memory of the whole process, summed line by line before anything is allocated.

    baseline      what the process has resident when its modules are loaded, measured
    threads       stacks and allocator arenas of workers, acceptor and admin
    scratch       per worker: one read buffer, one reply buffer, counters
    connections   per connection: its entry in a worker's slab (144 bytes) and its share of bookkeeping
    latency       per worker: a histogram for each command of both protocols
    buffers       what connections may hold between two events: partial requests, unsent replies
    slack         rounding, fragmentation, the interpreter's own growth while it answers /metrics
    heap          the rest: hash table and items

A `memory` too small for the lines above plus the smallest useful heap stops the start.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from whimbrel.base.errors import UsageError
from whimbrel.base.options import size_text

KIB, MIB = 1 << 10, 1 << 20
THREAD_BYTES = 160 * KIB  # touched stack and arena of one thread, measured 90-130 KiB
SCRATCH_BYTES = 96 * KIB  # 16 in, 64 out, the worker's struct, rounding
CONNECTION_BYTES = 176  # sizeof(Conn) and the RESP state's pointer table; tests hold the measured cost below 512
HISTOGRAM_BYTES = 15 * KIB
BUFFER_SHARE = 16  # buffers get memory/16 ...
BUFFERS_PER_SIDE = 2  # ... but at least two of the largest item per worker for input and for output
ITEM_OVERHEAD = 72 * KIB  # around a value: a request's command, key and options (64), rounding to whole pages
SLACK_SHARE, SLACK_MIN = 32, 3 * MIB
HEAP_MIN = 4 * MIB


@dataclass(frozen=True)
class Budget:
    """Bytes; their sum is `memory`."""

    baseline: int
    threads: int
    scratch: int
    connections: int
    latency: int
    buffers: int
    slack: int
    heap: int

    def lines(self) -> list[tuple[str, int]]:
        return [(row.name, getattr(self, row.name)) for row in fields(self)]


def side_bytes(memory_bytes: int, workers: int, max_item: int) -> int:
    """One worker's memory for input, the same again for output, and half of it for connections' state."""
    share = 2 * memory_bytes // BUFFER_SHARE // (5 * workers)
    return max(share, BUFFERS_PER_SIDE * (max_item + ITEM_OVERHEAD))


def plan(memory_bytes: int, baseline: int, workers: int, connections: int, max_item: int, commands: int) -> Budget:
    """Every line; UsageError with the smallest memory that would do."""
    fixed = Budget(
        baseline=baseline,
        threads=(workers + 2) * THREAD_BYTES,
        scratch=workers * SCRATCH_BYTES,
        connections=connections * CONNECTION_BYTES,
        latency=workers * (commands + 1) * HISTOGRAM_BYTES,
        buffers=5 * workers * side_bytes(memory_bytes, workers, max_item) // 2,  # input, output, and half for state
        slack=max(SLACK_MIN, memory_bytes // SLACK_SHARE),
        heap=0,
    )
    heap = memory_bytes - sum(size for _, size in fixed.lines())
    smallest = max(HEAP_MIN, 4 * max_item)
    if heap < smallest:
        minimum = memory_bytes + (smallest - heap)
        minimum = -(-minimum // MIB) * MIB  # rounded up
        parts = ", ".join(f"{name} {size // KIB} KiB" for name, size in fixed.lines() if name != "heap")
        raise UsageError(
            f"--memory {size_text(memory_bytes)}: too small, expected at least {size_text(minimum)} with {workers} "
            f"thread(s), {connections} connections and items up to {size_text(max_item)} ({parts})"
        )
    return Budget(**{**dict(fixed.lines()), "heap": heap})
