"""Processes die at any instruction while others live: nobody hangs, nothing is torn, everything is given back."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from whimbrel.store import testing
from whimbrel.store.store import StoreHandle

BOUND_S = 20.0  # far more than any of it takes: a hang is a failure, a busy machine is not


@pytest.fixture
def store() -> Iterator[StoreHandle]:
    handle = StoreHandle.create(1 << 20, segment_bytes=4096)
    yield handle
    handle.close()


def child(run: Callable[[], object]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        run()
    finally:
        os._exit(0)


def die_holding(store: StoreHandle, *what: str) -> None:
    """In a child that takes these and is then gone without a word."""

    def hold_all() -> None:
        for name in what:
            testing.hold(store, name)

    os.waitpid(child(hold_all), 0)


def settle(store: StoreHandle) -> None:
    """Until all that died are buried and swept."""
    until = time.monotonic() + BOUND_S
    while store.maintain(1000) or any(pid != os.getpid() for pid, _, _ in testing.slots(store)):
        assert time.monotonic() < until, testing.slots(store)
        time.sleep(0.01)


def timed(run: Callable[[], object]) -> None:
    start = time.monotonic()
    run()
    assert time.monotonic() - start < BOUND_S


def test_a_group_locked_by_a_dead_process_is_read_and_written(store: StoreHandle) -> None:
    store.set(b"key", b"before")
    die_holding(store, "group")
    assert store.get(b"key") == b"before"
    die_holding(store, "group")
    assert store.set(b"key", b"after")
    assert store.get(b"key") == b"after"
    settle(store)
    assert store.verify() == []
    assert store.stats()["items"] == 1


@pytest.mark.parametrize("what", ["segments", "evictor", "growth", "processes"])
def test_a_lock_of_the_region_held_by_a_dead_process(store: StoreHandle, what: str) -> None:
    fill = random.Random(1).randbytes(300)
    for n in range(2000):
        store.set(b"a%d" % n, fill)
    assert store.set(b"large", fill * 100)
    die_holding(store, what)
    before = store.stats()["evicted_items"]
    for n in range(20000):
        assert store.set(b"b%d" % n, fill)
    assert store.stats()["evicted_items"] > before
    assert store.stats()["table_grows"] > 0 or what != "growth"
    settle(store)
    assert store.verify() == []
    assert store.get(b"b19999") == fill


def test_all_of_them_at_once(store: StoreHandle) -> None:
    for n in range(2000):
        store.set(b"a%d" % n, b"x" * 300)
    die_holding(store, "processes", "growth", "evictor", "group", "cell", "segments")
    for n in range(5000):
        assert store.set(b"b%d" % n, b"x" * 300)
    settle(store)
    assert store.verify() == []


def test_a_segment_with_a_hole_is_emptied_and_used_again(store: StoreHandle) -> None:
    store.set(b"beside", b"value")
    die_holding(store, "cell")
    settle(store)
    assert store.get(b"beside") in (None, b"value")
    for n in range(20000):
        assert store.set(b"b%d" % n, b"x" * 300)
    settle(store)
    stats = store.stats()
    assert stats["segments"] * stats["segment_bytes"] + stats["table_bytes"] <= stats["heap_bytes"]
    assert store.verify() == []


@pytest.mark.slow
def test_slots_of_the_dead_are_used_again(store: StoreHandle) -> None:
    for _ in range(300):  # more than a region has
        os.waitpid(child(lambda: store.set(b"key", b"value")), 0)
    settle(store)
    assert store.get(b"key") == b"value"
    assert len(testing.slots(store)) == 1


def test_the_living_are_left_alone(store: StoreHandle) -> None:
    """A stopped process is slow, not dead: its lock is waited for."""
    ready, done = os.pipe()

    def hold_on() -> None:
        testing.hold(store, "evictor")
        os.write(done, b".")
        signal.pause()

    pid = child(hold_on)
    os.read(ready, 1)
    for _ in range(20):
        store.maintain(10)
        time.sleep(0.005)
    assert (pid, False, 0) in testing.slots(store)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    settle(store)
    os.close(ready)
    os.close(done)


@pytest.mark.parametrize("policy", ["s3fifo", "merge"])
def test_killed_one_after_the_other_while_others_go_on(policy: str) -> None:
    store = StoreHandle.create(1 << 20, segment_bytes=4096, memfd=policy == "merge", eviction=policy)
    draw = random.Random(3)
    until = time.monotonic() + 3
    children: list[int] = []
    rounds = 0
    while time.monotonic() < until:
        while len(children) < 3:
            seed = draw.randrange(1 << 30)
            children.append(child(partial(testing.hammer, store, seed, seconds=60, keys=4000)))
        mine = testing.hammer(store, rounds + 1, seconds=0.01 + draw.random() * 0.03, keys=4000)
        assert mine["torn"] == 0
        victim = children.pop(draw.randrange(len(children)))
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        rounds += 1
    timed(lambda: testing.hammer(store, 5, seconds=BOUND_S, operations=20000, keys=4000))
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    settle(store)
    assert store.verify() == []
    after = testing.hammer(store, 7, seconds=BOUND_S, operations=50000, keys=4000)
    assert after["torn"] == 0
    assert after["refused"] == 0
    assert after["hits"] > 0
    settle(store)
    assert store.verify() == []
    store.close()
    assert rounds > 3
