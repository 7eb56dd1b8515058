"""mg between threads: one winner; and values of every size."""

import pytest

from tests.server.test_memcache_items import THREADS, feed_all, wires_on_one_store
from whimbrel.server.shim import Shim
from whimbrel.store.store import StoreHandle

KEY_ROOM = 256  # the store's limit counts the key too


def test_one_of_many_wins_a_missing_item() -> None:
    wires = wires_on_one_store()
    replies = [
        reply.split(b"\r\n")[:-1] for reply in feed_all(wires, b"".join(b"mg %d N30\r\n" % key for key in range(1000)))
    ]
    assert all(sorted(answers) == [b"HD W"] + [b"HD Z"] * (THREADS - 1) for answers in zip(*replies, strict=True))


def test_one_of_many_wins_an_item_that_ends_soon() -> None:
    wires = wires_on_one_store()
    for key in range(500):
        wires[0].feed(b"set %d 0 20 1\r\n1\r\n" % key)
    replies = [
        reply.split(b"\r\n")[:-1] for reply in feed_all(wires, b"".join(b"mg %d R30\r\n" % key for key in range(500)))
    ]
    assert all(sorted(answers) == [b"HD W"] + [b"HD Z"] * (THREADS - 1) for answers in zip(*replies, strict=True))


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 16383, 16384, 16385, 100_000, 1 << 20])
def test_values_of_every_size(size: int) -> None:
    store = StoreHandle.create(16 << 20, max_item_bytes=(1 << 20) + KEY_ROOM)
    wire = Shim(store).connect("memcache")
    value = bytes(range(256)) * (size // 256 + 1)
    value = value[:size]
    assert wire.feed(b"ms a %d\r\n%b\r\n" % (size, value)) == b"HD\r\n"
    assert wire.feed(b"mg a v s\r\n") == b"VA %d s%d\r\n%b\r\n" % (size, size, value)
    assert wire.feed(b"get a a\r\n") == b"VALUE a 0 %d\r\n%b\r\n" % (size, value) * 2 + b"END\r\n"


def test_appending_up_to_the_limit_and_not_beyond() -> None:
    wire = Shim(StoreHandle.create(16 << 20), max_item=1000).connect("memcache")
    wire.feed(b"set a 0 0 600\r\n" + b"x" * 600 + b"\r\n")
    assert wire.feed(b"append a 0 0 400\r\n" + b"y" * 400 + b"\r\n") == b"STORED\r\n"
    assert wire.feed(b"append a 0 0 1\r\nz\r\n") == b"SERVER_ERROR object too large for cache\r\n"
    assert wire.feed(b"mg a s\r\n") == b"HD s1000\r\n"
