"""How much of the hub one sender, or one moment, may take.

    Buckets    so many requests a second for each key, with a burst: who sends faster waits, the others do not
    Budget     bytes of bodies that are being read at once, by all
    Gate       so many at once; a few more wait, and not for long; the rest is told to come again

Each answers with a Refusal that says when to try again.  One event loop uses them: no locks.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from whimbrel.hub.refusal import later

KEYS_MOST = 8192  # buckets that are remembered: twice as many as there may be tokens


@dataclass(slots=True)
class Bucket:
    left: float
    at_s: float


class Buckets:
    """`per_s` for each key, and `burst` at once after a pause."""

    def __init__(self, per_s: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_s, self.burst, self.clock = per_s, burst, clock
        self.kept: OrderedDict[str, Bucket] = OrderedDict()  # the least recently used first
        self.refused = 0

    def take(self, key: str, what: str) -> None:
        """One of them; Refusal 429 where there is none."""
        now_s = self.clock()
        bucket = self.kept.pop(key, None) or Bucket(self.burst, now_s)
        bucket.left = min(bucket.left + (now_s - bucket.at_s) * self.per_s, self.burst)
        bucket.at_s = now_s
        self.kept[key] = bucket
        if len(self.kept) > KEYS_MOST:
            self.kept.popitem(last=False)
        if bucket.left < 1:
            self.refused += 1
            raise later(429, f"too many {what}: at most {self.per_s:g} a second", (1 - bucket.left) / self.per_s)
        bucket.left -= 1


class Budget:
    """`most` of something, held by whoever reads; `most_each` for one of them."""

    def __init__(self, most: int, most_each: int) -> None:
        self.most, self.most_each, self.refused = most, most_each, 0
        self.held: Counter[str] = Counter()

    @contextmanager
    def hold(self, key: str, amount: int, what: str) -> Iterator[None]:
        """Refusal 503 where others hold too much, or this one does: alone, whatever it is will do."""
        own, all_held = self.held[key], self.held.total()
        if (own and own + amount > self.most_each) or (all_held and all_held + amount > self.most):
            self.refused += 1
            raise later(503, f"too many {what} at once", 1)
        self.held[key] += amount
        try:
            yield
        finally:
            self.held[key] -= amount
            if not self.held[key]:
                del self.held[key]


class Gate:
    """`at_once` inside, at most `waiting` outside, none of them for longer than `wait_s`."""

    def __init__(self, at_once: int, waiting: int, wait_s: float) -> None:
        self.free = asyncio.Semaphore(at_once)
        self.waiting_most, self.wait_s = waiting, wait_s
        self.waiting, self.refused = 0, 0

    @asynccontextmanager
    async def through(self, what: str) -> AsyncIterator[None]:
        """Refusal 503 where it takes too long, or too many wait already."""
        await self._enter(what)
        try:
            yield
        finally:
            self.free.release()

    async def _enter(self, what: str) -> None:
        if self.free.locked() and self.waiting >= self.waiting_most:
            self._refuse(what)
        self.waiting += 1
        try:
            async with asyncio.timeout(self.wait_s):
                await self.free.acquire()
        except TimeoutError:
            self._refuse(what)
        finally:
            self.waiting -= 1

    def _refuse(self, what: str) -> None:
        self.refused += 1
        raise later(503, f"too many {what} at once", self.wait_s)
