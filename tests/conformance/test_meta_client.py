"""meta-memcache, a client that speaks only memcached's meta commands: values, leases, stale data, arithmetic."""

from __future__ import annotations

import pytest

from .servers import Server

pytest.importorskip("meta_memcache")

from meta_memcache import (
    CacheClient,
    Key,
    LeasePolicy,
    RecachePolicy,
    ServerAddress,
    StalePolicy,
    connection_pool_factory_builder,
)
from meta_memcache.interfaces.cache_api import CacheApi

pytestmark = pytest.mark.clients


@pytest.fixture
def client(memcache: Server) -> CacheApi:
    return CacheClient.cache_client_from_servers(
        servers=[ServerAddress(memcache.host, memcache.port)],
        connection_pool_factory_fn=connection_pool_factory_builder(),
    )


def test_values(client: CacheApi) -> None:
    for value in (b"bytes", "text", 17, {"a": [1, None]}, b"\r\n" * 1000, "x" * 500_000):
        assert client.set("key", value, ttl=100)
        assert client.get("key") == value
    assert client.get("missing") is None
    assert client.delete("key")
    assert client.get("key") is None


def test_multi_get(client: CacheApi) -> None:
    for i in range(100):
        client.set(f"key{i}", i, ttl=100, no_reply=True)
    found = client.multi_get([f"key{i}" for i in range(110)])
    assert [found[Key(f"key{i}")] for i in range(100)] == list(range(100))
    assert all(found[Key(f"key{i}")] is None for i in range(100, 110))


def test_unicode_and_long_keys(client: CacheApi) -> None:
    for key in (Key("schlüssel"), Key("k" * 600)):
        assert client.set(key, "v", ttl=100)
        assert client.get(key) == "v"


def test_cas(client: CacheApi) -> None:
    client.set("key", "one", ttl=100)
    value, token = client.get_cas("key")
    assert value == "one" and token is not None
    assert client.set("key", "two", ttl=100, cas_token=token)
    assert not client.set("key", "three", ttl=100, cas_token=token)
    assert client.get("key") == "two"


def test_touch(client: CacheApi) -> None:
    assert not client.touch("missing", 10)
    client.set("key", "v", ttl=5)
    assert client.touch("key", 100)
    assert client.get("key", touch_ttl=200) == "v"


def test_lease_is_granted_once(client: CacheApi) -> None:
    """On a miss one caller gets nothing (and so makes the value), the others wait for it."""
    policy = LeasePolicy(ttl=30, miss_retries=1)
    assert client.get_or_lease("key", policy) is None
    assert client.set("key", "made", ttl=100)
    assert client.get_or_lease("key", policy) == "made"


def test_recache_near_expiry_is_won_once(client: CacheApi) -> None:
    client.set("key", "v", ttl=20)
    policy = RecachePolicy(ttl=30)
    assert client.get("key", recache_policy=policy) is None  # the winner sees a miss
    assert client.get("key", recache_policy=policy) == "v"


def test_invalidated_value_is_stale_and_won_once(client: CacheApi) -> None:
    client.set("key", "old", ttl=100)
    value, token = client.get_cas("key")
    assert client.invalidate("key", stale_policy=StalePolicy(mark_stale_on_deletion_ttl=30))
    assert client.get("key") is None  # the winner recaches
    assert client.get("key") == "old"  # the others are served stale
    assert client.set("key", "new", ttl=100)
    assert client.get("key") == "new"


def test_arithmetic(client: CacheApi) -> None:
    assert client.delta_initialize_and_get("n", 1, initial_value=10, initial_ttl=100) == 10
    assert client.delta_initialize_and_get("n", 5, initial_value=10, initial_ttl=100) == 15
    assert client.delta_and_get("n", -3) == 12
    assert client.delta("n", 1)
    assert client.get("n") in (13, "13", b"13")


def test_add_replace_append(client: CacheApi) -> None:
    from meta_memcache import SetMode

    assert not client.set("key", "x", ttl=10, set_mode=SetMode.REPLACE)
    assert client.set("key", b"b", ttl=10, set_mode=SetMode.ADD)
    assert not client.set("key", b"x", ttl=10, set_mode=SetMode.ADD)
    assert client.set("key", b"c", ttl=10, set_mode=SetMode.APPEND)
    assert client.set("key", b"a", ttl=10, set_mode=SetMode.PREPEND)
    assert client.get("key") == b"abc"
