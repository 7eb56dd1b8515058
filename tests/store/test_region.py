"""Regions: opened, closed, opened again, by several at once."""

import os
from pathlib import Path

import pytest

from whimbrel.store import testing
from whimbrel.store.store import StoreHandle


def test_a_clean_region_keeps_everything(tmp_path: Path) -> None:
    path = str(tmp_path / "region")
    store = StoreHandle.create(1 << 20, path=path, segment_bytes=4096)
    for n in range(500):
        assert store.set(b"key%d" % n, b"value%d" % n, flags=n)
    assert not testing.clean(store)
    store.close()
    again = StoreHandle.open(path)
    assert [again.get(b"key%d" % n) for n in range(500)] == [b"value%d" % n for n in range(500)]
    assert not testing.clean(again)
    assert again.set(b"more", b"x")
    assert again.verify() == []
    again.close()


def test_the_last_to_close_says_that_all_is_well(tmp_path: Path) -> None:
    path = str(tmp_path / "region")
    first = StoreHandle.create(1 << 20, path=path, segment_bytes=4096)
    second = StoreHandle.open(path)
    first.set(b"key", b"value")
    assert second.get(b"key") == b"value"
    first.close()
    assert not testing.clean(second)
    assert second.get(b"key") == b"value"
    second.close()
    assert StoreHandle.open(path).get(b"key") == b"value"


def test_several_open_an_abandoned_region_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "region")
    pid = os.fork()
    if pid == 0:
        store = StoreHandle.create(1 << 20, path=path, segment_bytes=4096)
        for n in range(1000):
            store.set(b"key%d" % n, b"value%d" % n)
        testing.hold(store, "segments")
        os._exit(0)
    os.waitpid(pid, 0)
    children = []
    for seed in range(1, 5):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                counts = testing.hammer(StoreHandle.open(path), seed, seconds=20, operations=20_000)
                status = int(counts["torn"] != 0)
            finally:
                os._exit(status)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
    store = StoreHandle.open(path)
    while store.maintain(1000):
        pass
    assert store.verify() == []
    store.close()


def test_what_cannot_be_a_region_is_refused() -> None:
    with pytest.raises(ValueError, match="heap_bytes"):
        StoreHandle.create(1000)
    with pytest.raises(ValueError, match="power of two"):
        StoreHandle.create(1 << 20, segment_bytes=5000)
    with pytest.raises(OSError):
        StoreHandle.create(1 << 20, path="/nowhere/at/all")
