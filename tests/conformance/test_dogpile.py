"""dogpile.cache regions over its memcached and redis backends, with and without the distributed lock."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

pytest.importorskip("dogpile.cache")

from dogpile.cache import make_region
from dogpile.cache.api import NO_VALUE
from dogpile.cache.region import CacheRegion

from .conftest import kinds
from .servers import Server

pytestmark = pytest.mark.clients

BACKENDS = {
    "dogpile.cache.pymemcache": ("memcached", "pymemcache"),
    "dogpile.cache.pylibmc": ("memcached", "pylibmc"),
    "dogpile.cache.redis": ("redis", "redis"),
    "dogpile.cache.valkey": ("redis", "valkey"),
}
CASES = [
    (backend, kind, locked) for backend, row in BACKENDS.items() for kind in kinds(row[0]) for locked in (False, True)
]


def arguments(backend: str, server: Server, locked: bool) -> dict[str, Any]:
    lock = {"distributed_lock": locked, "lock_timeout": 30}
    if BACKENDS[backend][0] == "memcached":
        return {"url": [server.where], **lock}
    return {"host": server.host, "port": server.port, **lock}


@pytest.fixture(params=CASES, ids=[f"{b.rpartition('.')[2]}-{k}{'-locked' * locked}" for b, k, locked in CASES])
def region(request: pytest.FixtureRequest) -> CacheRegion:
    backend, kind, locked = request.param
    pytest.importorskip(BACKENDS[backend][1])
    server: Server = request.getfixturevalue(f"{kind}_shared")
    made = make_region(key_mangler=lambda key: f"{request.node.name[:60]}:{key}".replace(" ", "_"))
    return made.configure(backend, expiration_time=60, arguments=arguments(backend, server, locked))


def test_set_get_delete(region: CacheRegion) -> None:
    assert region.get("missing") is NO_VALUE
    region.set("key", {"any": ["object", 1, None]})
    assert region.get("key") == {"any": ["object", 1, None]}
    region.delete("key")
    assert region.get("key") is NO_VALUE


def test_multi(region: CacheRegion) -> None:
    values = {f"m{i}": i for i in range(50)}
    region.set_multi(values)
    assert region.get_multi(list(values)) == list(values.values())
    region.delete_multi(["m1", "m2"])
    assert region.get_multi(["m0", "m1", "m2", "m3"]) == [0, NO_VALUE, NO_VALUE, 3]


def test_cache_on_arguments(region: CacheRegion) -> None:
    calls = []

    @region.cache_on_arguments()  # type: ignore[untyped-decorator]
    def square(n: int) -> int:
        calls.append(n)
        return n * n

    assert [square(3), square(3), square(4)] == [9, 9, 16]
    assert calls == [3, 4]
    square.invalidate(3)
    assert square(3) == 9
    assert calls == [3, 4, 3]


def test_one_creator_for_many_threads(region: CacheRegion) -> None:
    """The dogpile lock, ours or the thread's: the value is made once."""
    calls = []

    def create() -> str:
        calls.append(1)
        time.sleep(0.1)
        return "made"

    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(region.get_or_create("dog", create))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == ["made"] * 6
    assert len(calls) == 1


def test_get_or_create_multi(region: CacheRegion) -> None:
    made = region.get_or_create_multi(["x", "y"], lambda *keys: [f"value of {key}"[:8] for key in keys])
    assert made == region.get_multi(["x", "y"])
