"""Threads and processes pound one region with values that tell when they are torn."""

import os
import threading

import pytest

from whimbrel.store import testing
from whimbrel.store.store import StoreHandle


def small_store(**options: object) -> StoreHandle:
    """Evicts, grows its table, and holds chained values, all within a second."""
    return StoreHandle.create(1 << 20, segment_bytes=4096, **options)  # type: ignore[arg-type]


def check(store: StoreHandle, done: list[dict[str, int]]) -> None:
    assert [counts["torn"] for counts in done] == [0] * len(done)
    assert all(counts["hits"] > 0 for counts in done)
    assert store.verify() == []
    stats = store.stats()
    assert stats["evicted_items"] > 0
    assert stats["table_grows"] > 0
    assert stats["writes"] == sum(counts["writes"] - counts["refused"] for counts in done)


@pytest.mark.parametrize("policy", ["s3fifo", "merge"])
def test_threads_tear_nothing(policy: str) -> None:
    store = small_store(eviction=policy)
    done: list[dict[str, int]] = []

    def run(seed: int) -> None:
        done.append(testing.hammer(store, seed, seconds=20, operations=60_000, keys=4000))

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 4
    check(store, done)
    store.close()


@pytest.mark.parametrize("memfd", [False, True])
def test_processes_tear_nothing(memfd: bool) -> None:
    store = small_store(memfd=memfd)
    children = []
    for seed in range(1, 4):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = int(testing.hammer(store, seed, seconds=20, operations=60_000, keys=4000)["torn"] != 0)
            finally:
                os._exit(status)
        children.append(pid)
    mine = testing.hammer(store, 9, seconds=20, operations=60_000, keys=4000)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    assert mine["torn"] == 0
    while store.maintain(1000):
        pass
    assert store.verify() == []
    store.close()


def test_what_is_not_intact_is_noticed() -> None:
    store = small_store()
    key = (5).to_bytes(8, "little") + b"\5" * 5
    assert store.set(key, b"no checksum" * 5)
    counts = testing.hammer(store, 1, seconds=20, operations=64, keys=6)
    before = counts["torn"]
    for seed in range(2, 50):
        store.set(key, b"no checksum" * 5)
        before += testing.hammer(store, seed, seconds=20, operations=64, keys=6)["torn"]
    assert before > 0
    store.close()


def test_an_unknown_thing_to_hold() -> None:
    store = small_store()
    with pytest.raises(ValueError, match="moon"):
        testing.hold(store, "moon")
    store.close()
