"""valkey-py, unmodified, on RESP2 and RESP3: the ground it shares with redis-py, once over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .servers import Server

valkey = pytest.importorskip("valkey")

pytestmark = pytest.mark.clients


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def client(redis_server: Server, request: pytest.FixtureRequest) -> Iterator[valkey.Valkey]:
    made = valkey.Valkey(redis_server.host, redis_server.port, protocol=request.param, socket_timeout=15)
    yield made
    made.close()


def test_strings_and_expiry(client: valkey.Valkey) -> None:
    assert client.set("key", b"\x00v", ex=100) is True
    assert client.get("key") == b"\x00v"
    assert 98 <= client.ttl("key") <= 100
    assert client.getex("key", px=50_000) == b"\x00v"
    assert 48_000 <= client.pttl("key") <= 50_000
    assert client.incrby("n", 7) == 7
    assert client.mset({"a": 1, "b": 2}) is True
    assert client.mget("a", "b", "c") == [b"1", b"2", None]
    assert client.delete("a", "b", "c") == 2


def test_pipeline_and_watch(client: valkey.Valkey) -> None:
    with client.pipeline() as pipe:
        assert pipe.set("a", 1).incr("a").execute() == [True, 2]
        pipe.watch("a")
        client.set("a", 5)
        pipe.multi()
        pipe.get("a")
        with pytest.raises(valkey.WatchError):
            pipe.execute()


def test_scan_iter(client: valkey.Valkey) -> None:
    wanted = {b"key:%d" % i for i in range(500)}
    client.mset(dict.fromkeys(wanted, "x"))
    assert set(client.scan_iter("key:*", count=50)) == wanted


def test_lock(client: valkey.Valkey) -> None:
    lock = client.lock("lock", timeout=10)
    assert lock.acquire(blocking=False)
    assert not client.lock("lock").acquire(blocking=False)
    assert lock.extend(10) and client.pttl("lock") > 15_000
    assert lock.reacquire() and client.pttl("lock") <= 10_000
    lock.release()
    assert client.exists("lock") == 0


def test_introspection(client: valkey.Valkey) -> None:
    assert client.ping() is True
    assert client.info()["used_memory"] > 0
    assert client.client_list()
    assert client.config_get("maxmemory")
    assert client.dbsize() == 0
