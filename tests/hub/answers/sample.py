"""A bookshop that can be counted on fingers: ten minutes before noon, of which the last five were watched.

GET  shop /books/{integer}   agent one (id 1)    30 windows: 9 calls of ~2.3 us, 1 of ~10 us; 1 failed with 500
                             agent two (id 17)   windows 0 to 9: 5 calls, one flow in two followed: 10
                             and one call 20 minutes before noon, when it was not new any more
POST shop /orders (id 2)     30 windows: 2 calls with 201, 1 with 400; bearer; the only one that is new
GET  shop /old (id 5)        20 minutes before noon only
redis get user:{integer} (3) 30 windows: 8 commands, 6 hits of 100 bytes, 2 misses
redis set user:{integer} (4) windows 20 to 29: 1 command, an error
"""

from typing import Any

from tests.hub.batches import NOON, batch, edge, endpoint, latency, row, sizes
from tests.hub.shapes import shape_of
from whimbrel.hub.answers.asked import Asked
from whimbrel.summary import hll

WINDOWS = 30
START = NOON - 10 * WINDOWS
ASKED = Asked.last(600, NOON)  # steps of 10 s
BOOKS, ORDERS, GET, SET, OLD, BOOKS_OF_TWO = (f"{number:016x}" for number in (1, 2, 3, 4, 5, 17))
FAST, SLOW = 200, 340  # buckets: from 2304 ns, from 10752 ns
BOOK = {"id": 1, "title": "x", "tags": ["a"]}
REUSE = {
    "server": "~redis", "port": 6379, "protocol": "redis", "reads": 80, "cold": 8.0, "share": 1.0,
    "distances": [3, 40.0, 32, 32.0],
}  # fmt: skip


COST: dict[str, Any] = {"program": "1.2.3", "cpu_ns": 200_000_000, "resident_bytes": 40 << 20}


def books(number: int, *rows: dict[str, Any]) -> dict[str, Any]:
    return endpoint(number, *rows, template="/books/{integer}")


def fine(calls: int, slow: int = 0) -> dict[str, Any]:
    """Answered with 200, some of it slowly."""
    histogram = latency(FAST, calls - slow, *((SLOW, slow) if slow else ()))
    histogram |= {"sum": 2_500 * calls, "min": 2_310, "max": 10_800 if slow else 2_350}
    callers = hll.registers([1 << 5 | 2, 9 << 5 | 1])
    return row(calls, last=histogram, first=histogram, clients=callers, response=sizes(100 * calls, [0, 0, 7, calls]))


def cached(calls: int, **outcomes: int) -> dict[str, Any]:
    hits = outcomes.get("hit", 0)
    steps = [0, calls - hits, 7, hits] if hits else [0, calls]
    return row(calls, 0, outcomes=outcomes, response=sizes(100 * hits, steps), request=sizes(0, [0, calls]))


def keys(number: int, method: str, *rows: dict[str, Any]) -> dict[str, Any]:
    return endpoint(number, *rows, protocol="redis", method=method, host="", template="user:{integer}")


def window(number: int) -> dict[str, Any]:
    """Of agent one."""
    orders = endpoint(2, row(2, 201), row(1, 400), method="POST", template="/orders", auth=["bearer"])
    endpoints = [books(1, fine(10, 1), row(1, 500)), orders]
    endpoints.append(keys(3, "get", cached(8, hit=6, miss=2) | {"ttls": [0, 1, 4, 2, 30, 5]}))
    if number >= 20:
        endpoints.append(keys(4, "set", cached(1, error=1)))
    edges = [
        edge("~ada", server="~shop", port=8000, name="shop", calls=14, request_bytes=30, response_bytes=1000),
        edge("~shop", server="~redis", port=6379, protocol="redis", calls=9),
        edge("~ada", server="~bank", server_class="public", port=443, protocol="tls", calls=0, handshakes=1, name="b"),
    ]
    counts = {"calls": 22, "packets": 100, "kernel_drops": 2, "flows": 1}
    return batch(*endpoints, start=START + 10 * number, edges=edges, counts=counts, reuse=[REUSE], **COST)


def batches() -> list[dict[str, Any]]:
    before = batch(books(1, row(1, body=shape_of(BOOK))), endpoint(5, template="/old"), start=NOON - 1200)
    ones = [window(number) for number in range(WINDOWS)]
    twos = [batch(books(17, fine(5)), agent="two", sample=2, start=START + 10 * n, lost_calls=3) for n in range(10)]
    return [before, *ones, *twos]
