"""The demo's use of the cache, against `whimbrel serve`: read through, counted, from its own address; or without."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.conformance.servers import Server, free_port, start_whimbrel
from whimbrel.base.values import Address
from whimbrel.up.demo_cache import Cache, connected, memcache_client, redis_client
from whimbrel.up.demo_caching import PIECES_USES, SESSIONS, Pieces, Sessions
from whimbrel.up.demo_tally import Tally

pytestmark = pytest.mark.clients
SOURCE = "127.0.0.77"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = start_whimbrel()
    yield started
    started.stop()
    started.output.unlink(missing_ok=True)


@pytest.fixture
def address(server: Server) -> Address:
    return Address(server.host, server.port)


def test_what_was_made_once_is_read_from_then_on(address: Address) -> None:
    cache = Cache(address, SOURCE)
    for ask, key in ((cache.read, "book:1"), (cache.compute, "stock:1")):
        assert [ask(key, 30, made) for made in (lambda: {"n": 1}, lambda: {"n": 2})] == [{"n": 1}, {"n": 1}]
    cache.drop("book:1")
    assert cache.read("book:1", 30, lambda: 3) == 3
    assert cache.tally.counts == {
        "redis get miss": 2, "redis set stored": 2, "redis get hit": 1, "redis del": 1,
        "memcache get miss": 1, "memcache set stored": 1, "memcache get hit": 1,
    }  # fmt: skip
    cache.close()


def test_clients_come_from_their_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        here = listening.getsockname()
        with connected(here, SOURCE):
            assert listening.accept()[1][0] == SOURCE
        for client in (memcache_client(Address(*here), SOURCE), redis_client(Address(*here), SOURCE)):
            with pytest.raises(Exception, match=r"(?i)time"):  # nobody answers; only who asks is looked at
                client.get("key")
            peer, where = listening.accept()
            peer.close()
            assert where[0] == SOURCE


@pytest.mark.parametrize("where", [None, Address("127.0.0.1", 0)])
def test_without_a_cache_nothing_is_ever_there(where: Address | None) -> None:
    troubles: list[str] = []
    cache = Cache(where and Address(where.host, free_port()), trouble=troubles.append)
    for _ in range(3):
        assert cache.compute("stock:1", 30, lambda: 7) == 7
    assert len(troubles) == (where is not None)  # said once
    assert cache.tally.counts == {}
    cache.close()


def test_sessions_and_pieces_are_counted_as_they_were_answered(address: Address) -> None:
    tally = Tally()
    sessions, pieces = (
        Sessions(redis_client(address, SOURCE), tally, 1),
        Pieces(memcache_client(address, SOURCE), tally, 1),
    )
    for _ in range(30):
        for session in SESSIONS:
            session.make(sessions)
        for piece in PIECES_USES:
            piece.make(pieces)
    counts = tally.counts
    assert counts["redis get hit"] + counts["redis get miss"] == counts["redis incrby"] == counts["redis del"] == 30
    assert counts["memcache get hit"] + counts["memcache get miss"] == counts["memcache incr"] == 30
    assert counts["redis get miss"] + counts["memcache get miss"] > 10 < counts["memcache set stored"]
