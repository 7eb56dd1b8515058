"""What the demo's clients do with the cache themselves: sessions by redis-py, rendered pieces by pymemcache.

Keys are asked for as in life, some much more often than others, so that a miss-ratio curve has a shape.  Commands are
counted as they were answered: `redis get hit`, `memcache incr`.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis
from pymemcache.client.base import PooledClient

from whimbrel.up.demo_tally import Tally

USERS, PIECES = 4000, 3000
SESSION_S, PIECE_S = 900, 120
LANGUAGES = ("en", "de", "fr")


@dataclass(frozen=True, slots=True)
class Use:
    make: Callable[[Any], None]
    weight: float


class Sessions:
    """redis-py."""

    def __init__(self, client: redis.Redis, tally: Tally, seed: int) -> None:
        self.client, self.tally = client, tally
        self.source = random.Random(seed)

    def user(self) -> int:
        return int(self.source.paretovariate(0.6)) % USERS

    def key(self) -> str:
        return f"session:{uuid.uuid5(uuid.NAMESPACE_OID, str(self.user()))}"

    def count(self, answered: str) -> None:
        self.tally.count(f"redis {answered}")


def read_session(of: Sessions) -> None:
    key = of.key()
    found = of.client.get(key)
    of.count("get miss" if found is None else "get hit")
    if found is None:
        of.client.set(key, of.source.randbytes(of.source.randint(80, 700)).hex(), ex=SESSION_S)
        of.count("set stored")


def count_requests(of: Sessions) -> None:
    key = f"rate:{of.user()}"
    if of.client.incr(key) == 1:
        of.client.expire(key, 60)
        of.count("expire")
    of.count("incrby")


def lock(of: Sessions) -> None:
    key = f"lock:order:{of.source.randint(1, 500)}"
    taken = of.client.set(key, b"1", nx=True, px=800)
    of.count("set stored" if taken else "set not_stored")


def end_session(of: Sessions) -> None:
    of.client.delete(of.key())
    of.count("del")


class Pieces:
    """pymemcache."""

    def __init__(self, client: PooledClient, tally: Tally, seed: int) -> None:
        self.client, self.tally = client, tally
        self.source = random.Random(seed)

    def key(self) -> str:
        piece = int(self.source.paretovariate(0.5)) % PIECES
        return f"piece:{LANGUAGES[piece % 3]}:{piece}"

    def count(self, answered: str) -> None:
        self.tally.count(f"memcache {answered}")


def show_piece(of: Pieces) -> None:
    key = of.key()
    found = of.client.get(key)
    of.count("get miss" if found is None else "get hit")
    if found is None:
        size = int(of.source.lognormvariate(6.5, 0.8))
        of.client.set(key, b"<p>" + b"." * min(size, 8000), expire=PIECE_S, noreply=False)
        of.count("set stored")


def count_view(of: Pieces) -> None:
    key = f"views:{int(of.source.paretovariate(0.8)) % 200}"
    if of.client.incr(key, 1, noreply=False) is None:
        of.client.add(key, b"1", expire=0, noreply=False)
        of.count("add")
    of.count("incr")


def drop_piece(of: Pieces) -> None:
    of.client.delete(of.key(), noreply=False)
    of.count("delete")


SESSIONS = (Use(read_session, 20), Use(count_requests, 10), Use(lock, 3), Use(end_session, 1))
PIECES_USES = (Use(show_piece, 20), Use(count_view, 5), Use(drop_piece, 1))
