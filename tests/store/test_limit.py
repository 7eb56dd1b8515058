"""The limit is one: what the kernel counts of a full, evicting store stays within heap_bytes."""

import multiprocessing
from pathlib import Path

import pytest

from whimbrel.store.store import StoreHandle

SLACK_BYTES = 1 << 20  # pages at the edges of the region's parts, and what the interpreter takes meanwhile


def resident_bytes() -> int:
    """Of this process, memory that is no file's: shared (the store's, by default) and private."""
    status = Path("/proc/self/status").read_text()
    return 1024 * sum(
        int(line.split()[1]) for line in status.splitlines() if line.startswith(("RssShmem:", "RssAnon:"))
    )


def fill(
    policy: str, heap_bytes: int, value_bytes: int, private: bool, answer: "multiprocessing.Queue[tuple[int, int, int]]"
) -> None:
    before = resident_bytes()
    store = StoreHandle.create(heap_bytes, eviction=policy, private=private)
    value = bytes(value_bytes)
    for n in range(3 * heap_bytes // (value_bytes + 20)):
        store.set(b"%d" % (n % (heap_bytes // value_bytes)), value)
        if n % 3 == 0:
            store.set(b"once%d" % n, value)
    stats = store.stats()
    answer.put(
        (
            resident_bytes() - before,
            stats["table_bytes"] + stats["segments"] * stats["segment_bytes"],
            stats["evicted_items"],
        )
    )
    store.close()


@pytest.mark.memory
@pytest.mark.parametrize(
    ("policy", "heap_bytes", "value_bytes", "private"),
    [
        ("s3fifo", 8 << 20, 10, False),
        ("s3fifo", 8 << 20, 10, True),
        ("s3fifo", 24 << 20, 700, True),
        ("merge", 8 << 20, 100, False),
        ("s3fifo", 1 << 18, 10, False),
    ],
)
def test_resident_memory_stays_within_the_limit(policy: str, heap_bytes: int, value_bytes: int, private: bool) -> None:
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=fill, args=(policy, heap_bytes, value_bytes, private, answer))
    process.start()
    resident, counted, evicted = answer.get(timeout=120)
    process.join()
    assert evicted > 0
    assert counted <= heap_bytes
    assert resident <= heap_bytes + SLACK_BYTES
    assert resident >= counted * 3 // 4, "the kernel counts something else"


@pytest.mark.parametrize("heap_bytes", [1 << 16, 1 << 18, 8 << 20])
def test_a_full_heap_makes_room_for_the_table(heap_bytes: int) -> None:
    """Large values fill it, then small ones need a table many times as long; maintenance comes to an end."""
    store = StoreHandle.create(heap_bytes)
    for n in range(2 * heap_bytes // 1500):
        assert store.set(b"large%d" % n, bytes(1500))
    for n in range(heap_bytes // 12):
        assert store.set(b"%d" % n, b"")
    for _ in range(10_000):
        if not store.maintain(1000):
            break
    else:
        pytest.fail("store_maintain never says that it is done")
    stats = store.stats()
    assert stats["table_full_evictions"] < heap_bytes // 1200
    assert stats["table_grows"] > 5 or heap_bytes < 1 << 20
    assert stats["table_bytes"] + stats["segments"] * stats["segment_bytes"] <= heap_bytes
    assert store.verify() == []
    store.close()
