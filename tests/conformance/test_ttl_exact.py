"""An item is never served after its expiry and never lost before it.

The server's clock is not ours, so every request is bracketed by ours: it was executed somewhere between the moment
before we sent it and the moment after we had its reply.  A reply is illegal only when *no* instant in its bracket
allows it.  A busy machine widens brackets and so weakens the test; it cannot make it fail.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

import pytest

from .servers import Server
from .wire import Wire

pytestmark = [pytest.mark.clients, pytest.mark.slow]

ROUND_MS = 1.0  # the server counts whole milliseconds: an expiry may be that much before the bracket's begin
WALL_MS = 50.0  # a stepped wall clock moves Unix-time expiries of a server that keeps its own steady time


def now_ms() -> float:
    return time.monotonic() * 1000


@dataclass
class Expiry:
    """The expiry lies in [soonest, latest], by our clock."""

    soonest: float
    latest: float

    @classmethod
    def after(cls, ttl_ms: float, before: float, after: float, slack_ms: float = ROUND_MS) -> Expiry:
        return cls(before + ttl_ms - slack_ms, after + ttl_ms)

    def complaint(self, served: bool, before: float, after: float) -> str:
        if served and before >= self.latest:
            return f"served {before - self.latest:.3f} ms after its expiry"
        if not served and after < self.soonest:
            return f"lost {self.soonest - after:.3f} ms before its expiry"
        return ""


class Watched:
    """Keys with their expiries; probing them one request at a time until all are gone."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.alive: dict[str, Expiry] = {}
        self.wrong: list[str] = []
        self.probes = 0

    def probe(self, wire: Wire, key: str) -> None:
        before = now_ms()
        head = wire.ask(f"mg {key}".encode())
        after = now_ms()
        assert head in (b"HD", b"EN"), head
        self.judge(key, head == b"HD", before, after)

    def probe_resp(self, wire: Wire, key: str) -> None:
        before = now_ms()
        left = wire.command("PTTL", key)
        after = now_ms()
        assert isinstance(left, int)
        self.judge(key, left >= 0, before, after)
        expiry = self.alive.get(key)
        if expiry and left >= 0 and not expiry.soonest - after - ROUND_MS <= left <= expiry.latest - before + ROUND_MS:
            soonest, latest = expiry.soonest - after, expiry.latest - before
            self.wrong.append(f"{key}: PTTL {left}, expiry in {soonest:.1f} .. {latest:.1f}")

    def judge(self, key: str, served: bool, before: float, after: float) -> None:
        self.probes += 1
        if complaint := self.alive[key].complaint(served, before, after):
            self.wrong.append(f"{key}: {complaint}")
        if not served:
            del self.alive[key]

    def until_gone(self, *probes: tuple[Wire, bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.alive:
            assert time.monotonic() < deadline, f"{len(self.alive)} keys outlived the test"
            soon = sorted(self.alive, key=lambda key: self.alive[key].soonest)[:40]
            for key in [*soon, *self.random.sample(sorted(self.alive), min(10, len(self.alive)))]:
                if key in self.alive:
                    wire, is_resp = self.random.choice(probes)
                    (self.probe_resp if is_resp else self.probe)(wire, key)
        assert self.wrong == [], f"{len(self.wrong)} illegal replies of {self.probes}: {self.wrong[:10]}"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_milliseconds_through_resp(ours: Server, seed: int) -> None:
    watched = Watched(seed)
    rng = watched.random
    with Wire(ours.address) as writer, Wire(ours.address) as reader, Wire(ours.address) as memc:
        for i in range(1500):
            key, ttl = f"ms{i}", rng.randint(1, 1500)
            first = rng.choice(["SET", "PEXPIRE", "PSETEX", "GETEX", "KEEPTTL", "PXAT"])
            if first == "SET":
                request: list[tuple[str | int, ...]] = [("SET", key, "x" * rng.randint(0, 300), "PX", ttl)]
            elif first == "PSETEX":
                request = [("PSETEX", key, ttl, "v")]
            elif first == "PEXPIRE":
                request = [("SET", key, "v", "PX", rng.randint(1, 10**9)), ("PEXPIRE", key, ttl)]
                request[0] = ("SET", key, "v")
            elif first == "GETEX":
                request = [("SET", key, "v"), ("GETEX", key, "PX", ttl)]
            elif first == "KEEPTTL":
                request = [("SET", key, "v", "PX", ttl), ("SET", key, "w" * rng.randint(0, 300), "KEEPTTL")]
            else:
                request = [("SET", key, "v"), ("PEXPIREAT", key, int(time.time() * 1000) + ttl)]
            before = now_ms()
            for words in request:
                assert not str(writer.command(*words)).startswith("ERR"), words
            slack = WALL_MS if first == "PXAT" else ROUND_MS
            expiry = Expiry.after(ttl, before, now_ms(), slack)
            expiry.latest += WALL_MS if first == "PXAT" else 0
            watched.alive[key] = expiry
            if i % 5 == 0:
                key = rng.choice(sorted(watched.alive))
                watched.probe_resp(reader, key)
        watched.until_gone((reader, True), (memc, False), seconds=30)
    assert watched.probes > 1500


def test_seconds_through_memcache(ours: Server) -> None:
    watched = Watched(7)
    rng = watched.random
    with Wire(ours.address) as writer, Wire(ours.address) as reader:
        for i in range(1200):
            key, ttl = f"s{i}", rng.randint(1, 4)
            kind = rng.choice(["set", "touch", "ms", "gat", "unix"])
            slack = late = 0.0
            before = now_ms()
            if kind == "set":
                writer.send(b"set %b 0 %d 1\r\nv\r\n" % (key.encode(), ttl))
                assert writer.line() == b"STORED"
            elif kind == "ms":
                writer.send(b"ms %b 1 T%d\r\nv\r\n" % (key.encode(), ttl))
                assert writer.line() == b"HD"
            elif kind == "unix":
                at = int(time.time()) + ttl + 1
                ttl_ms = at * 1000 - time.time() * 1000
                slack = late = WALL_MS
                writer.send(b"set %b 0 %d 1\r\nv\r\n" % (key.encode(), at))
                assert writer.line() == b"STORED"
            else:
                writer.send(b"set %b 0 0 1\r\nv\r\n" % key.encode())
                assert writer.line() == b"STORED"
                writer.send(b"%b\r\n" % (f"touch {key} {ttl}" if kind == "touch" else f"gat {ttl} {key}").encode())
                if kind == "touch":
                    assert writer.line() == b"TOUCHED"
                else:
                    assert writer.until(b"END\r\n").startswith(b"VALUE ")
            if kind != "unix":
                ttl_ms = ttl * 1000.0
            expiry = Expiry.after(ttl_ms, before, now_ms(), slack + ROUND_MS)
            expiry.latest += late
            watched.alive[key] = expiry
        watched.until_gone((reader, False), seconds=30)


def test_ttl_zero_stays(ours: Server) -> None:
    with Wire(ours.address) as wire:
        wire.send(b"".join(b"set forever%d 0 0 1\r\nv\r\n" % i for i in range(500)))
        for _ in range(500):
            assert wire.line() == b"STORED"
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            assert wire.ask(b"mg forever%d" % random.randrange(500)) == b"HD"
