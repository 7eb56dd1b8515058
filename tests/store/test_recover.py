"""Killed with -9 under writes: what was acknowledged is intact or evicted, never torn, and the region is whole."""

import os
import random
import signal
import time
import zlib
from pathlib import Path

import pytest

from whimbrel.store import testing
from whimbrel.store.store import StoreHandle

KEYS = 600


def value_of(n: int, size: int) -> bytes:
    body = b"%d." % n * (size // 4 + 1)
    return zlib.crc32(body).to_bytes(4, "little") + body


def intact(value: bytes) -> bool:
    return zlib.crc32(value[4:]) == int.from_bytes(value[:4], "little")


def write_for_ever(store: StoreHandle, seed: int) -> None:
    draw = random.Random(seed)
    n = 0
    while True:
        n += 1
        key = b"key%d" % draw.randrange(KEYS)
        if draw.random() < 0.1:
            store.delete(key)
        else:
            size = 9000 if draw.random() < 0.01 else draw.randrange(200)
            store.set(key, value_of(n, size), ttl_ms=draw.choice([None, 60_000]))
        if n % 50 == 0:
            store.set(b"new%d-%d" % (seed, n), value_of(n, 20))


def kill_writers(store: StoreHandle, seeds: list[int], seconds: float) -> None:
    children = []
    for seed in seeds:
        pid = os.fork()
        if pid == 0:
            try:
                write_for_ever(store, seed)
            finally:
                os._exit(1)
        children.append(pid)
    time.sleep(seconds)
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    for pid in children:
        os.waitpid(pid, 0)


@pytest.mark.parametrize("round_", range(12))
def test_killed_under_writes(tmp_path: Path, round_: int) -> None:
    path = str(tmp_path / "region")
    draw = random.Random(round_)
    store = StoreHandle.create(1 << 19, path=path, segment_bytes=4096, eviction=draw.choice(["s3fifo", "merge"]))
    kill_writers(store, [round_, round_ + 100], 0.02 + draw.random() * 0.1)
    store.close()
    again = StoreHandle.open(path)
    assert again.verify() == []
    found = 0
    for n in range(KEYS):
        value = again.get(b"key%d" % n)
        assert value is None or intact(value)
        found += value is not None
    assert found
    for n in range(3000):
        assert again.set(b"after%d" % n, value_of(n, 100))
    assert again.verify() == []
    again.close()


def test_acknowledged_items_survive(tmp_path: Path) -> None:
    """A heap that need not evict: what the child said was written is there, except in the one segment of each
    class it was filling when it died."""
    path = str(tmp_path / "region")
    store = StoreHandle.create(1 << 24, path=path, segment_bytes=4096)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        for n in range(10**9):
            store.set(b"key%d" % n, value_of(n, 50))
            os.write(writer, n.to_bytes(8, "little"))
    acknowledged = 0
    while acknowledged < 2000:
        acknowledged = int.from_bytes(os.read(reader, 8), "little") + 1
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(reader)
    os.close(writer)
    store.close()
    again = StoreHandle.open(path)
    assert again.verify() == []
    lost = [n for n in range(acknowledged) if again.get(b"key%d" % n) != value_of(n, 50)]
    assert all(again.get(b"key%d" % n) is None for n in lost)
    assert len(lost) <= 4096 // 60
    again.close()


def test_forked_writers_tear_nothing() -> None:
    store = StoreHandle.create(1 << 19, segment_bytes=4096)
    children = []
    for seed in range(3):
        pid = os.fork()
        if pid == 0:
            draw = random.Random(seed)
            status = 1
            try:
                for n in range(4000):
                    key = b"key%d" % draw.randrange(50)
                    value = store.get(key)
                    if value is not None and not intact(value):
                        break
                    store.set(key, value_of(n, draw.randrange(3000)))
                else:
                    status = 0
            finally:
                os._exit(status)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    assert store.verify() == []
    store.close()


def test_what_is_no_region_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(b"x" * 1_000_000)
    with pytest.raises(ValueError, match="is not a Whimbrel region"):
        StoreHandle.open(str(path))
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="is not a Whimbrel region"):
        StoreHandle.open(str(path))


def test_a_first_step_of_growth_leaves_nothing_behind_the_table(tmp_path: Path) -> None:
    path = str(tmp_path / "region")
    pid = os.fork()
    if pid == 0:
        try:
            store = StoreHandle.create(1 << 20, path=path)
            for n in range(100):
                store.set(b"key%d" % n, b"value")
            testing.hold(store, "first step")
            assert testing.words_beyond(store)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    again = StoreHandle.open(path)
    assert testing.words_beyond(again) == 0
    assert again.verify() == []
    assert all(again.get(b"key%d" % n) in (b"value", None) for n in range(100))
    again.close()
