"""The socketless shim does what a worker does."""

import pytest

from whimbrel.server.shim import Shim
from whimbrel.store.store import StoreHandle


def test_it_keeps_what_is_not_whole_and_waits_for_what_is_needed() -> None:
    wire = Shim(StoreHandle.create(1 << 20)).connect("memcache")
    assert wire.feed(b"get a\r\nset a 0 0 5\r\n12") == b"END\r\n"
    assert (wire.kept, wire.need) == (b"set a 0 0 5\r\n12", 20)
    assert wire.feed(b"34") == b""
    assert wire.feed(b"5\r\nget") == b"STORED\r\n"
    assert (wire.kept, wire.need) == (b"get", 0)


def test_a_closed_wire_says_nothing() -> None:
    wire = Shim(StoreHandle.create(1 << 20)).connect("memcache")
    assert wire.feed(b"mn\r\nquit\r\nmn\r\n") == b"MN\r\n"
    assert wire.closed
    assert wire.feed(b"mn\r\n") == b""
    assert wire.kept == b""


def test_connections_of_one_shim_share_a_store_and_a_clock() -> None:
    shim = Shim(StoreHandle.create(1 << 20))
    one, other = shim.connect("memcache"), shim.connect("memcache")
    one.feed(b"set a 0 10 1\r\n1\r\n")
    assert other.feed(b"get a\r\n") == b"VALUE a 0 1\r\n1\r\nEND\r\n"
    shim.store.advance(10_000)
    assert other.feed(b"get a\r\n") == b"END\r\n"


def test_a_protocol_that_is_not_there() -> None:
    with pytest.raises(ImportError):
        Shim(StoreHandle.create(1 << 20)).connect("gopher")
