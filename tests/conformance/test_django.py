"""Django's PyMemcacheCache, PyLibMCCache and RedisCache backends: what sites lean on of its cache contract."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("django")

from django.conf import settings

if not settings.configured:
    settings.configure(USE_TZ=True)

from django.core.cache import CacheHandler
from django.core.cache.backends.base import BaseCache

from .conftest import kinds
from .servers import Server

pytestmark = pytest.mark.clients

BACKENDS = {
    "pymemcache": ("django.core.cache.backends.memcached.PyMemcacheCache", "memcached", "pymemcache"),
    "pylibmc": ("django.core.cache.backends.memcached.PyLibMCCache", "memcached", "pylibmc"),
    "redis": ("django.core.cache.backends.redis.RedisCache", "redis", "redis"),
}
CASES = [(backend, kind) for backend, row in BACKENDS.items() for kind in kinds(row[1])]


def configured(backend: str, server: Server, **options: Any) -> BaseCache:
    path, _, module = BACKENDS[backend]
    pytest.importorskip(module)
    where = f"redis://{server.where}" if backend == "redis" else server.where
    cache: BaseCache = CacheHandler({"default": {"BACKEND": path, "LOCATION": where, **options}})["default"]
    return cache


@pytest.fixture(params=CASES, ids=[f"{backend}-{kind}" for backend, kind in CASES])
def cache(request: pytest.FixtureRequest) -> Iterator[BaseCache]:
    backend, kind = request.param
    made = configured(backend, request.getfixturevalue(f"{kind}_shared"))
    made.clear()
    yield made
    made.close()


def eventually_missing(cache: BaseCache, key: str, seconds: float = 6.0) -> None:
    deadline = time.monotonic() + seconds
    while cache.get(key) is not None:
        assert time.monotonic() < deadline, f"{key} did not expire"
        time.sleep(0.05)


VALUES = [0, 1, -7, 2**40, 1.5, True, False, "", "text", "ünïcødé ☃", b"bytes\x00", [1, [2]], {"a": (1, 2)}, {3}]


@pytest.mark.parametrize("value", [*VALUES, datetime.datetime(2024, 2, 29, 12, 0, tzinfo=datetime.UTC)], ids=repr)
def test_objects_come_back_as_they_were(cache: BaseCache, value: object) -> None:
    cache.set("key", value)
    found = cache.get("key")
    assert found == value
    if not isinstance(value, bool):  # libmemcached's Python client stores a bool as an int
        assert type(found) is type(value)


def test_get_with_default(cache: BaseCache) -> None:
    assert cache.get("missing") is None
    assert cache.get("missing", "default") == "default"
    cache.set("none", None)
    assert cache.get("none", "default") is None


def test_add(cache: BaseCache) -> None:
    assert cache.add("key", 1) is True
    assert cache.add("key", 2) is False
    assert cache.get("key") == 1


def test_get_or_set(cache: BaseCache) -> None:
    assert cache.get_or_set("key", lambda: "made", 100) == "made"
    assert cache.get_or_set("key", "other", 100) == "made"
    assert cache.get_or_set("none", None) is None


def test_delete_and_has_key(cache: BaseCache) -> None:
    cache.set("key", 1)
    assert cache.has_key("key") and "key" in cache
    assert cache.delete("key") is True
    assert cache.delete("key") is False
    assert not cache.has_key("key") and "key" not in cache


def test_incr_decr(cache: BaseCache) -> None:
    cache.set("n", 41)
    assert cache.incr("n") == 42
    assert cache.get("n") == 42
    assert cache.incr("n", 10) == 52
    assert cache.decr("n", 2) == 50
    assert cache.decr("n") == 49
    with pytest.raises(ValueError):
        cache.incr("missing")
    with pytest.raises(ValueError):
        cache.decr("missing")


def test_many(cache: BaseCache) -> None:
    values = {f"key {i}".replace(" ", "-"): {"i": i} for i in range(200)}
    assert cache.set_many(values, 100) == []
    assert cache.get_many([*values, "missing"]) == values
    cache.delete_many(["key-1", "key-2", "missing"])
    assert sorted(set(values) - set(cache.get_many(values))) == ["key-1", "key-2"]
    cache.delete_many([])
    assert cache.get_many([]) == {}


def test_expiry(cache: BaseCache) -> None:
    cache.set("one", "gone soon", 1)
    cache.set_many({"two": "gone soon"}, 1)
    cache.set("long", "stays", 100)
    assert cache.add("three", "gone soon", 1)
    for key in ("one", "two", "three"):
        eventually_missing(cache, key)
    assert cache.get("long") == "stays"


def test_expired_key_can_be_added(cache: BaseCache) -> None:
    cache.set("key", 1, 1)
    eventually_missing(cache, "key")
    assert cache.add("key", 2) is True
    assert cache.get("key") == 2


def test_timeout_none_is_forever(cache: BaseCache) -> None:
    cache.set("a", 1, None)
    assert cache.add("b", 2, timeout=None)
    cache.set_many({"c": 3}, None)
    time.sleep(0.05)
    assert cache.get_many(["a", "b", "c"]) == {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize("timeout", [0, -1])
def test_timeout_zero_and_below_is_not_kept(cache: BaseCache, timeout: int) -> None:
    cache.set("key", "there", 100)
    cache.set("key", "gone", timeout)
    assert cache.get("key") is None
    cache.add("added", "gone", timeout)
    assert cache.get("added") is None
    cache.set_many({"many": "gone"}, timeout)
    assert cache.get("many") is None


def test_touch(cache: BaseCache) -> None:
    assert cache.touch("missing") is False
    cache.set("key", "v", 1)
    assert cache.touch("key", 100) is True
    cache.set("other", "v", 100)
    assert cache.touch("other", 1) is True
    eventually_missing(cache, "other")
    time.sleep(1)
    assert cache.get("key") == "v"
    assert cache.touch("key", 0) is True
    assert cache.get("key") is None


def test_long_timeout(cache: BaseCache) -> None:
    """More than thirty days: Django sends memcached an absolute time."""
    cache.set("key", "v", 60 * 60 * 24 * 30 + 1)
    assert cache.get("key") == "v"
    cache.set("key", "v", 60 * 60 * 24 * 365)
    assert cache.get("key") == "v"


def test_versions(cache: BaseCache) -> None:
    cache.set("key", "one")
    cache.set("key", "two", version=2)
    assert cache.get("key") == "one"
    assert cache.get("key", version=2) == "two"
    assert cache.incr_version("key", 2) == 3
    assert cache.get("key") is None
    assert cache.get("key", version=3) == "one"
    assert cache.decr_version("key", version=2) == 1
    assert cache.get("key") == "two"
    with pytest.raises(ValueError):
        cache.incr_version("missing")


def test_unicode_keys(cache: BaseCache) -> None:
    for key in ("ключ", "ascii2", "schlüssel"):
        cache.set(key, key)
        assert cache.get(key) == key
        cache.delete(key)
        assert cache.get(key) is None


def test_clear(cache: BaseCache) -> None:
    cache.set_many({"a": 1, "b": 2})
    cache.clear()
    assert cache.get_many(["a", "b"]) == {}
    cache.set("a", 3)
    assert cache.get("a") == 3


def test_large_values(cache: BaseCache) -> None:
    value = "x" * 700_000
    cache.set("key", value)
    assert cache.get("key") == value


@pytest.mark.parametrize(("backend", "kind"), CASES)
def test_prefixes_keep_sites_apart(backend: str, kind: str, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(f"{kind}_shared")
    one = configured(backend, server, KEY_PREFIX="one")
    two = configured(backend, server, KEY_PREFIX="two")
    one.clear()
    one.set("key", 1)
    assert two.get("key") is None
    two.set("key", 2)
    assert one.get("key") == 1
    one.close()
    two.close()
