"""Items through memcache: exact times, and changes that do not get lost between threads."""

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from whimbrel.server.shim import Shim, Wire
from whimbrel.store.store import StoreHandle

HEAP_BYTES = 16 << 20
ROUNDS = 3000
THREADS = 3


def feed_all(wires: list[Wire], requests: bytes) -> list[bytes]:
    """The same requests on each wire, in a thread each; their replies."""
    replies = [b""] * len(wires)
    start = threading.Barrier(len(wires))

    def run(index: int) -> None:
        start.wait()
        replies[index] = wires[index].feed(requests)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(wires))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies


def wires_on_one_store(count: int = THREADS) -> list[Wire]:
    store = StoreHandle.create(HEAP_BYTES)
    return [Shim(store).connect("memcache") for _ in range(count)]


@settings(deadline=None)
@given(
    ttl_s=st.integers(1, 2592000),
    how=st.sampled_from(["set", "touch", "gat", "ms", "mg", "ma"]),
    steps_ms=st.lists(st.integers(1, 3_000_000_000), min_size=1, max_size=6),
)
def test_never_served_late_never_lost_early(ttl_s: int, how: str, steps_ms: list[int]) -> None:
    shim = Shim(StoreHandle.create(1 << 20))
    wire = shim.connect("memcache")
    requests = {
        "set": f"set a 0 {ttl_s} 1\r\n1\r\n",
        "touch": f"set a 0 0 1\r\n1\r\ntouch a {ttl_s}\r\n",
        "gat": f"set a 0 0 1\r\n1\r\ngat {ttl_s} a\r\n",
        "ms": f"ms a 1 T{ttl_s}\r\n1\r\n",
        "mg": f"ms a 1\r\n1\r\nmg a T{ttl_s}\r\n",
        "ma": f"ma a N0 J1\r\nma a D0 T{ttl_s}\r\n",
    }
    earliest = shim.now_ms + ttl_s * 1000
    wire.feed(requests[how].encode())
    latest = shim.now_ms + ttl_s * 1000
    for step in [*steps_ms, ttl_s * 1000 - sum(steps_ms) - 50, 45, 10, 1000]:
        shim.store.advance(max(step, 0))
        before = shim.now_ms
        found = wire.feed(b"get a\r\n") == b"VALUE a 0 1\r\n1\r\nEND\r\n"
        after = shim.now_ms
        assert found or after >= earliest
        assert not found or before < latest


def test_unix_time() -> None:
    shim = Shim(StoreHandle.create(1 << 20))
    wire = shim.connect("memcache")
    until_s = shim.now_ms // 1000 + 3
    wire.feed(b"set a 0 %d 1\r\n1\r\n" % until_s)
    shim.store.advance(until_s * 1000 - shim.now_ms - 200)
    assert wire.feed(b"get a\r\n") != b"END\r\n"
    shim.store.advance(200)
    assert wire.feed(b"get a\r\n") == b"END\r\n"


def test_no_increment_is_lost() -> None:
    wires = wires_on_one_store()
    wires[0].feed(b"set n 0 0 1\r\n0\r\n")
    replies = feed_all(wires, b"incr n 1\r\n" * ROUNDS)
    assert wires[0].feed(b"get n\r\n").split(b"\r\n")[1] == b"%d" % (ROUNDS * THREADS)
    seen = [int(line) for reply in replies for line in reply.split()]
    assert sorted(seen) == list(range(1, ROUNDS * THREADS + 1))


def test_no_appended_byte_is_lost() -> None:
    wires = wires_on_one_store()
    wires[0].feed(b"set a 0 0 0\r\n\r\n")
    replies = feed_all(wires, b"append a 0 0 1\r\nx\r\nprepend a 0 0 1\r\ny\r\n" * 500)
    assert set(b"".join(replies).split()) == {b"STORED"}
    value = wires[0].feed(b"get a\r\n").split(b"\r\n")[1]
    assert value == b"y" * 500 * THREADS + b"x" * 500 * THREADS


def test_one_add_wins() -> None:
    wires = wires_on_one_store()
    requests = b"".join(b"add %d 0 0 1\r\n1\r\n" % key for key in range(ROUNDS))
    replies = [reply.split() for reply in feed_all(wires, requests)]
    assert all(
        sorted(answers) == [b"NOT_STORED"] * (THREADS - 1) + [b"STORED"] for answers in zip(*replies, strict=True)
    )


def test_one_delete_finds_it() -> None:
    wires = wires_on_one_store()
    for key in range(ROUNDS):
        wires[0].feed(b"set %d 0 0 1\r\n1\r\n" % key)
    replies = [reply.split() for reply in feed_all(wires, b"".join(b"delete %d\r\n" % key for key in range(ROUNDS)))]
    assert all(
        sorted(answers) == [b"DELETED"] + [b"NOT_FOUND"] * (THREADS - 1) for answers in zip(*replies, strict=True)
    )


def test_a_cache_that_is_full_goes_on() -> None:
    wire = Shim(StoreHandle.create(2 << 20)).connect("memcache")
    value = b"v" * 4000
    requests = b"".join(b"set %d 0 0 4000\r\n%b\r\n" % (key, value) for key in range(4000))
    assert wire.feed(requests) == b"STORED\r\n" * 4000
    hits = sum(wire.feed(b"get %d\r\n" % key) != b"END\r\n" for key in range(4000))
    assert 100 < hits < 600
