"""Dead bytes, of items overwritten or deleted, are reclaimed before anything live is evicted."""

import pytest

from whimbrel.store.store import StoreHandle

HEAP = 4 << 20
STATIC = {b"static%d" % n: b"%d" % n * 40 for n in range(8000)}  # about 1.7 MB as items


def static_lost(store: StoreHandle) -> int:
    return sum(store.lookup(key, hit=False) is None for key in STATIC)


@pytest.mark.parametrize("policy", ["s3fifo", "merge", "fifo"])
def test_overwriting_evicts_nothing(policy: str) -> None:
    """Static items, each in a segment with overwritten ones; then few keys take all the writes."""
    store = StoreHandle.create(HEAP, eviction=policy)
    for n, (key, value) in enumerate(STATIC.items()):
        assert store.set(key, value)
        assert store.set(b"hot%d" % (n % 50), value)
    for n in range(60_000):
        assert store.set(b"hot%d" % (n % 50), b"%d" % n * 40)
    stats = store.stats()
    assert static_lost(store) == 0
    assert stats["evicted_items"] == 0
    assert stats["compacted_segments"] > 50
    assert store.get(b"hot%d" % (59_999 % 50)) == b"59999" * 40
    assert store.verify() == []
    store.close()


def test_deleting_makes_room() -> None:
    store = StoreHandle.create(HEAP)
    for key, value in STATIC.items():
        assert store.set(key, value)
    for n in range(40_000):
        assert store.set(b"brief%d" % n, b"%d" % n * 40)
        assert store.delete(b"brief%d" % n)
    assert static_lost(store) == 0
    assert store.stats()["evicted_items"] == 0
    assert store.verify() == []
    store.close()


def test_little_that_is_dead_is_left_to_the_policy() -> None:
    """Moving items makes them young: not worth it for a few dead bytes."""
    store = StoreHandle.create(HEAP)
    for n in range(60_000):
        assert store.set(b"new%d" % n, b"%d" % n * 40)
        if n % 20 == 0:
            assert store.delete(b"new%d" % n)
    stats = store.stats()
    assert stats["compacted_segments"] == 0
    assert stats["evicted_segments"] > 50
    store.close()
