"""The demo's clients as a process: people, phones, staff and services, each from an address of its own, until SIGTERM.

    python -m whimbrel.up.demo_clients --api 127.0.0.11:9810 [--cache HOST:PORT] [--rate N]
        [--visits N] [--seed N] [--counts FILE]

Each client is a thread that first makes every visit of its table a dozen times, so that the first minute has seen
everything, and then draws from it.  The rate swings slowly, and jumps now and then.  --visits ends after so many of
each client; --rate 0 is as fast as they are answered.
"""

from __future__ import annotations

import http.client
import math
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import redis
from pymemcache.exceptions import MemcacheError

from whimbrel.base.errors import WhimbrelError
from whimbrel.base.options import HelpRequested, Option, Values, load
from whimbrel.base.values import Address
from whimbrel.up.demo_api import LISTEN, SHOP_NAME, say
from whimbrel.up.demo_asking import Httpx, Plain, curl
from whimbrel.up.demo_cache import memcache_client, redis_client
from whimbrel.up.demo_caching import PIECES_USES, SESSIONS, Pieces, Sessions
from whimbrel.up.demo_tally import Tally, write
from whimbrel.up.demo_visits import CHECKOUT, OFFICE, PHONES, STOREFRONT, Visit, Visitor

FIRST_EACH = 12  # of every visit at first: names are told of once ten calls had them
FIRST_S = 4.0  # for that, if calls took no time
SWING, SWING_S = 0.3, 120.0  # of the rate
JUMP, JUMP_S, JUMP_EVERY_S = 2.5, 4.0, 75.0
AWAY_S = 1.0  # after a call that was not answered
CURL_EVERY_S = 5.0
LOOK_S = 0.1  # how often it is looked whether all is over
STOP_S = 3.0
TROUBLES = (httpx.HTTPError, http.client.HTTPException, redis.RedisError, MemcacheError, OSError)

ROWS: tuple[Option, ...] = (
    Option("api", "address", LISTEN, "The shop's address."),
    Option("cache", "address", None, "A cache that speaks Redis's and memcached's words; without it none is used."),
    Option("rate", "int", 120, "Visits a second of all clients together; 0 is as many as are answered.",
           minimum=0, maximum=100_000),
    Option("visits", "int", 0, "End after so many of each client; 0 is never.", minimum=0, maximum=10_000_000),
    Option("seed", "int", 1, "What is drawn depends on it."),
    Option("counts", "str", None, "Write what was answered here at the end, as JSON.", metavar="FILE"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Client:
    """Who calls, from where, with which share of the rate."""

    name: str
    source: str
    share: float
    begin: Callable[[Start], tuple[Any, Sequence[Any]]]  # (who, table of visits)


@dataclass(frozen=True, slots=True)
class Start:
    """What a client is made of."""

    api: Address
    cache: Address | None
    tally: Tally
    source: str
    seed: int

    @property
    def name(self) -> str:
        return f"{SHOP_NAME}:{self.api.port}"


def _with_httpx(table: Sequence[Visit]) -> Callable[[Start], tuple[Any, Sequence[Any]]]:
    return lambda at: (Visitor(Httpx(at.api, at.name, at.source), at.tally, at.seed), table)


def _plain(table: Sequence[Visit]) -> Callable[[Start], tuple[Any, Sequence[Any]]]:
    return lambda at: (Visitor(Plain(at.api, at.name, at.source), at.tally, at.seed), table)


def _sessions(at: Start) -> tuple[Any, Sequence[Any]]:
    assert at.cache is not None
    return Sessions(redis_client(at.cache, at.source), at.tally, at.seed), SESSIONS


def _pieces(at: Start) -> tuple[Any, Sequence[Any]]:
    assert at.cache is not None
    return Pieces(memcache_client(at.cache, at.source), at.tally, at.seed), PIECES_USES


CLIENTS: tuple[Client, ...] = (
    Client("storefront", "127.0.0.21", 0.22, _with_httpx(STOREFRONT)),
    Client("phones", "127.0.0.22", 0.13, _plain(PHONES)),
    Client("checkout", "127.0.0.23", 0.10, _with_httpx(CHECKOUT)),
    Client("office", "127.0.0.24", 0.05, _plain(OFFICE)),
)
CACHE_CLIENTS: tuple[Client, ...] = (
    Client("sessions", "127.0.0.31", 0.30, _sessions),
    Client("pieces", "127.0.0.32", 0.20, _pieces),
)
CURL_SOURCE = "127.0.0.25"


def pace(elapsed_s: float) -> float:
    """How much of the rate is asked for at this time."""
    swing = 1 + SWING * math.sin(2 * math.pi * elapsed_s / SWING_S)
    return swing * (JUMP if elapsed_s % JUMP_EVERY_S > JUMP_EVERY_S - JUMP_S else 1.0)


def visits(who: Any, table: Sequence[Any], source: random.Random) -> Iterator[Any]:
    """Each a dozen times; then by weight, for ever."""
    first = [visit for visit in table if _fits(visit, who)] * FIRST_EACH
    source.shuffle(first)
    yield from first
    while True:
        some = [visit for visit in table if _fits(visit, who)]
        yield source.choices(some, [visit.weight for visit in some])[0]


def _fits(visit: Any, who: Any) -> bool:
    return visit.is_of(who.version) if isinstance(visit, Visit) else True


class Crowd:
    """All of them."""

    def __init__(self, values: Values) -> None:
        self.api: Address = values["api"]
        self.cache: Address | None = values["cache"]
        self.rate, self.most, self.seed = float(values["rate"]), values["visits"], values["seed"]
        self.tally = Tally(detailed=values["counts"] is not None)
        self.stop = threading.Event()  # of the threads
        self.told_to_end = False
        self.away: set[str] = set()

    def end(self) -> None:
        """From a signal handler too, which must not touch a lock."""
        self.told_to_end = True

    def run(self) -> None:
        """Until `end`, or until each has made its visits; a call that is under way then has STOP_S to be answered."""
        clients = CLIENTS + (CACHE_CLIENTS if self.cache else ())
        threads = [threading.Thread(target=self.follow, args=(one, n), daemon=True) for n, one in enumerate(clients)]
        if shutil.which("curl"):
            threads.append(threading.Thread(target=self.watch, daemon=True))
        for thread in threads:
            thread.start()
        say(f"{len(threads)} clients call http://{SHOP_NAME}:{self.api.port}")
        while any(thread.is_alive() for thread in threads) and not self.told_to_end:
            time.sleep(LOOK_S)
        self.stop.set()
        latest = time.monotonic() + STOP_S
        for thread in threads:
            thread.join(max(latest - time.monotonic(), 0.0))

    def follow(self, client: Client, place: int) -> None:
        """One client's thread."""
        seed = self.seed * 100 + place
        who, table = client.begin(Start(self.api, self.cache, self.tally, client.source, seed))
        source = random.Random(seed)
        began, first = time.monotonic(), len(table) * FIRST_EACH
        for number, visit in enumerate(visits(who, table, source)):
            if self.stop.is_set() or (self.most and number >= self.most):
                return
            self.tried(client.name, partial(visit.make, who))
            if self.rate:
                usual = self.rate * client.share
                rate = max(usual, first / FIRST_S) if number < first else usual * pace(time.monotonic() - began)
                self.stop.wait(source.expovariate(rate))

    def watch(self) -> None:
        """The one who looks with curl whether the shop is well."""
        name = f"{SHOP_NAME}:{self.api.port}"
        for number in range(self.most or sys.maxsize):
            paths = ["/health"] * (FIRST_EACH if number == 0 else 1)
            self.tried("curl", partial(self.look, name, paths))
            if self.stop.wait(CURL_EVERY_S if self.rate else 0.0) or (self.most and number >= 1):
                return

    def look(self, name: str, paths: Sequence[str]) -> None:
        for status in curl(self.api, name, CURL_SOURCE, paths):
            self.tally.count(f"shop GET /health {status}")

    def tried(self, name: str, call: Callable[[], None]) -> None:
        """A trouble is said once, until a call succeeds."""
        try:
            call()
            self.away.discard(name)
        except TROUBLES as error:
            if name not in self.away and not self.stop.is_set():
                say(f"{name}: {error}")
            self.away.add(name)
            self.stop.wait(AWAY_S)


def main(argv: Sequence[str]) -> int:
    try:
        values = load("demo_clients", ROWS, argv, {})
    except HelpRequested as page:
        print(page)
        return 0
    except WhimbrelError as error:
        say(str(error))
        return error.exit_code
    crowd = Crowd(values)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: crowd.end())
    crowd.run()
    if values["counts"] is not None:
        write(Path(values["counts"]), crowd.tally)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
