"""Edges of the store's interface."""

import time

import pytest

from whimbrel.store import testing
from whimbrel.store.store import StoreHandle


def test_keys_of_every_length() -> None:
    store = StoreHandle.create(1 << 25, segment_bytes=1 << 16)
    for length in range(1, 4096):
        assert store.set(b"k" * length, b"%d" % length)
    assert [n for n in range(1, 4096) if store.get(b"k" * n) != b"%d" % n] == []
    assert store.put(b"k" * 4096, b"")[0] == "too_large"
    assert store.verify() == []
    store.close()


def test_values_around_every_edge_of_a_segment() -> None:
    store = StoreHandle.create(1 << 22, segment_bytes=4096)
    sizes = [*range(2030, 2050), *range(4070, 4110), *range(8170, 8200), 100_000]
    for size in sizes:
        value = bytes(n & 255 for n in range(size))
        assert store.set(b"key%d" % size, value)
        assert store.get(b"key%d" % size) == value
    for size in sizes:
        assert store.delete(b"key%d" % size)
    assert store.verify() == []
    assert store.stats()["items"] == 0
    store.close()


def test_a_put_does_a_bounded_share_of_eviction() -> None:
    store = StoreHandle.create(1 << 20, segment_bytes=4096)
    most, before = 0, 0
    for n in range(20000):
        assert store.set(b"key%d" % (n % 15000), b"x" * 100)
        stats = store.stats()
        moved = stats["evicted_items"] + stats["relocated_items"] + stats["expired_items"]
        most, before = max(most, moved - before), moved
    assert before > 1000
    assert most <= 2 * (256 + 8)
    store.close()


@pytest.mark.parametrize("size", [10, 300_000])
def test_a_view_stays_true_beside_writes_of_other_keys(size: int) -> None:
    store = StoreHandle.create(1 << 21, segment_bytes=4096)
    store.set(b"key", b"x" * size, flags=3, ttl_ms=60_000)

    def write_others() -> None:
        for n in range(2000):
            store.set(b"other%d" % (n % 150), b"%d" % n)

    assert testing.read_while(store, b"key", write_others)
    assert testing.read_while(store, b"key", lambda: store.lookup(b"key", token=True))
    assert not testing.read_while(store, b"key", lambda: store.set(b"key", b"x" * size, flags=3, ttl_ms=60_000))
    assert not testing.read_while(store, b"key", lambda: [store.delete(b"key"), store.set(b"key", b"x" * size)])
    assert not testing.read_while(store, b"key", lambda: store.delete(b"key"))
    store.close()


def test_a_random_key_of_a_nearly_empty_table() -> None:
    store = StoreHandle.create(1 << 24)
    assert store.random_key(1) is None
    store.set(b"only", b"")
    assert {store.random_key(n << 58) for n in range(64)} == {b"only"}
    store.close()


def test_the_clock_never_trails_the_wall() -> None:
    """Else what expires at a time on the wall is still served a moment after it."""
    for _ in range(50):
        store = StoreHandle.create(1 << 17)
        wall_ms = time.time_ns() // 1_000_000
        assert store.now_ms() >= wall_ms
        store.close()


def test_a_large_item_finds_room_among_small_ones() -> None:
    store = StoreHandle.create(1 << 20, segment_bytes=4096)
    for n in range(20_000):
        assert store.set(b"%d" % n, bytes(60))
        if n % 500 == 0:
            assert store.set(b"large", bytes(200_000))
    assert store.verify() == []
    store.close()
