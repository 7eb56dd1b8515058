"""pylibmc (libmemcached) in its text protocol, unmodified."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .servers import Server, running

pylibmc = pytest.importorskip("pylibmc")

pytestmark = pytest.mark.clients


@pytest.fixture
def client(memcache: Server) -> Iterator[pylibmc.Client]:
    made = pylibmc.Client([memcache.where], binary=False, behaviors={"cas": True, "tcp_nodelay": True})
    yield made
    made.disconnect_all()


def test_values_and_types(client: pylibmc.Client) -> None:
    for value in (b"bytes", "text", 7, 2**40, 1.5, True, ["list", {"of": "things"}], None, b"x" * 900_000):
        assert client.set("key", value)
        assert client.get("key") == value
    assert client.get("missing") is None


def test_compression_round_trip(client: pylibmc.Client) -> None:
    value = "compressible " * 20_000
    assert client.set("key", value, min_compress_len=1000)
    assert client.get("key") == value


def test_add_replace_append_prepend(client: pylibmc.Client) -> None:
    assert not client.replace("key", "no")
    assert client.add("key", b"b")
    assert not client.add("key", b"no")
    assert client.append("key", b"c")
    assert client.prepend("key", b"a")
    assert client.get("key") == b"abc"


def test_incr_decr(client: pylibmc.Client) -> None:
    client.set("n", 10)
    assert client.incr("n") == 11
    assert client.incr("n", 9) == 20
    assert client.decr("n", 5) == 15
    with pytest.raises(pylibmc.NotFound):
        client.incr("missing")


def test_cas(client: pylibmc.Client) -> None:
    client.set("key", "one")
    value, token = client.gets("key")
    assert value == "one"
    assert client.cas("key", "two", token)
    assert not client.cas("key", "three", token)
    assert client.get("key") == "two"


def test_multi(client: pylibmc.Client) -> None:
    values = {f"key{i}": "v" * i for i in range(200)}
    assert client.set_multi(values, key_prefix="p:") == []
    assert client.get_multi([*values, "missing"], key_prefix="p:") == values
    assert client.add_multi({"p:key1": "no", "fresh": "yes"}) == ["p:key1"]
    assert client.delete_multi(list(values), key_prefix="p:")
    assert client.get_multi(list(values), key_prefix="p:") == {}


def test_touch_delete_flush(client: pylibmc.Client) -> None:
    client.set("key", "v", time=1)
    assert client.touch("key", 100)
    assert not client.touch("missing", 100)
    assert client.delete("key")
    assert not client.delete("key")
    client.set("key", "v")
    assert client.flush_all()
    assert client.get("key") is None


def test_stats(client: pylibmc.Client) -> None:
    [(where, rows)] = client.get_stats()
    assert "version" in rows and "curr_items" in rows


def test_no_reply(memcache: Server) -> None:
    client = pylibmc.Client([memcache.where], binary=False, behaviors={"no_block": True, "_noreply": True})
    for i in range(500):
        client.set(f"key{i}", b"%d" % i)
    assert client.get_multi([f"key{i}" for i in range(500)]) == {f"key{i}": b"%d" % i for i in range(500)}
    client.disconnect_all()


def test_two_servers_hash_keys_over_both(memcache: Server) -> None:
    with running(memcache.kind) as second:
        client = pylibmc.Client([memcache.where, second.where], binary=False, behaviors={"ketama": True})
        values = {f"key{i}": i for i in range(200)}
        assert client.set_multi(values) == []
        assert client.get_multi(list(values)) == values
        client.disconnect_all()
