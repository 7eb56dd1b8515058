"""The cache as the demo uses it: both protocols, with the clients that people use, from an address of its own.

    Redis     what is written and read back: carts, book pages, sessions     SET ... EX
    memcache  what is computed and may be lost: searches, stock levels       set with a time

A cache that does not answer is a cache that has nothing: the demo goes on without it, and counts that.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import redis
from pymemcache.client.base import PooledClient
from pymemcache.exceptions import MemcacheError

from whimbrel.base.values import Address
from whimbrel.up.demo_tally import Tally

TIMEOUT_S = 1.0
POOL_MOST = 16  # connections of each protocol


class BoundConnection(redis.Connection):  # type: ignore[misc] # redis tells mypy nothing here
    """redis-py's, from the address `source`."""

    def __init__(self, source: str = "", **arguments: Any) -> None:
        super().__init__(**arguments)
        self.source = source

    def _connect(self) -> socket.socket:
        return connected((self.host, self.port), self.source)


def connected(address: tuple[str, int], source: str) -> socket.socket:
    opened = socket.create_connection(address, TIMEOUT_S, (source, 0) if source else None)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def redis_client(address: Address, source: str = "") -> redis.Redis:
    pool = redis.BlockingConnectionPool(
        connection_class=BoundConnection,
        max_connections=POOL_MOST,
        timeout=TIMEOUT_S,
        host=address.host,
        port=address.port,
        source=source,
    )
    return redis.Redis(connection_pool=pool)


def memcache_client(address: Address, source: str = "") -> PooledClient:
    return PooledClient(
        (address.host, address.port),
        max_pool_size=POOL_MOST,
        timeout=TIMEOUT_S,
        connect_timeout=TIMEOUT_S,
        no_delay=True,
        socket_module=_from(source),
    )


def _from(source: str) -> Any:
    """The socket module for pymemcache, whose sockets begin at `source`."""

    def bound(*arguments: Any) -> socket.socket:
        opened = socket.socket(*arguments)
        if source:
            opened.bind((source, 0))
        return opened

    return SimpleNamespace(**(vars(socket) | {"socket": bound}))


class Cache:
    """Read-through; without an address nothing is ever there."""

    def __init__(self, address: Address | None, source: str = "", trouble: Callable[[str], None] = print) -> None:
        self.redis = redis_client(address, source) if address else None
        self.memcache = memcache_client(address, source) if address else None
        self.trouble = trouble
        self.is_away = False
        self.tally = Tally()

    def read(self, key: str, seconds: int, make: Callable[[], Any]) -> Any:
        """JSON at `key` in Redis's words; made and kept when it is not there."""
        found = self._tried(lambda: self.redis.get(key) if self.redis else None)
        self._count(f"redis get {'miss' if found is None else 'hit'}")
        if found is not None:
            return json.loads(cast("bytes", found))
        made = make()
        self.keep(key, seconds, made)
        return made

    def keep(self, key: str, seconds: int, value: Any) -> None:
        self._tried(lambda: self.redis.set(key, json.dumps(value), ex=seconds) if self.redis else None)
        self._count("redis set stored")

    def drop(self, key: str) -> None:
        self._tried(lambda: self.redis.delete(key) if self.redis else None)
        self._count("redis del")

    def compute(self, key: str, seconds: int, make: Callable[[], Any]) -> Any:
        """The same in memcache's words."""
        found = self._tried(lambda: self.memcache.get(key) if self.memcache else None)
        self._count(f"memcache get {'miss' if found is None else 'hit'}")
        if found is not None:
            return json.loads(found)
        made = make()
        value = json.dumps(made).encode()
        self._tried(lambda: self.memcache.set(key, value, expire=seconds, noreply=False) if self.memcache else None)
        self._count("memcache set stored")
        return made

    def _count(self, name: str) -> None:
        """As the clients of the cache do, where there is one and it answered."""
        if self.redis and not self.is_away:
            self.tally.count(name)

    def _tried(self, ask: Callable[[], Any]) -> Any:
        """None when the cache is away, which is said once until it is back."""
        try:
            found = ask()
        except (redis.RedisError, MemcacheError, OSError) as error:
            if not self.is_away:
                self.trouble(f"goes on without the cache: {error}")
            self.is_away = True
            return None
        self.is_away = False
        return found

    def close(self) -> None:
        if self.redis:
            self.redis.close()
        if self.memcache:
            self.memcache.close()
