"""The limit is one: what the kernel counts of a full, evicting store stays within heap_bytes."""

import multiprocessing
from pathlib import Path

import pytest

from whimbrel.store.store import StoreHandle

SLACK_BYTES = 1 << 18  # whole pages at the edges of the region's parts, and slots of more processes


def resident_shared_bytes() -> int:
    """Of this process, anonymous shared memory that is resident: its stores."""
    status = Path("/proc/self/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssShmem:"))


def fill(policy: str, heap_bytes: int, value_bytes: int, answer: "multiprocessing.Queue[tuple[int, int, int]]") -> None:
    before = resident_shared_bytes()
    store = StoreHandle.create(heap_bytes, eviction=policy)
    value = bytes(value_bytes)
    for n in range(3 * heap_bytes // (value_bytes + 20)):
        store.set(b"%d" % (n % (heap_bytes // value_bytes)), value)
        if n % 3 == 0:
            store.set(b"once%d" % n, value)
    stats = store.stats()
    answer.put(
        (
            resident_shared_bytes() - before,
            stats["table_bytes"] + stats["segments"] * stats["segment_bytes"],
            stats["evicted_items"],
        )
    )
    store.close()


@pytest.mark.parametrize(
    ("policy", "heap_bytes", "value_bytes"),
    [("s3fifo", 8 << 20, 40), ("s3fifo", 24 << 20, 700), ("merge", 8 << 20, 100), ("s3fifo", 1 << 18, 10)],
)
def test_resident_memory_stays_within_the_limit(policy: str, heap_bytes: int, value_bytes: int) -> None:
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=fill, args=(policy, heap_bytes, value_bytes, answer))
    process.start()
    resident, counted, evicted = answer.get(timeout=120)
    process.join()
    assert evicted > 0
    assert counted <= heap_bytes
    assert resident <= heap_bytes + SLACK_BYTES
    assert resident >= counted // 2, "the kernel counts something else"
