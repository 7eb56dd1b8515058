"""Endpoints since the start, added up from windows, for what is printed here: the table and --json.

Idea: a window already knows endpoints, so adding up is by id, and an id that a merge of templates changed is followed
by its alias.  Bounded by rows; calls of further endpoints are counted in one row a protocol, {other}.  Latencies are
kept in 16 steps an octave (the batches have 64): a percentile that is printed is within 3 %.
Deliberately not: what a hub knows.  This forgets everything when the program ends.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

ROW_BYTES = 6 * 1024  # an endpoint here: 3.7 KiB of latencies, counters, strings
COARSE = 4  # buckets of a window's histogram that become one
STEPS = 64  # of an octave, in a window's histogram; see base/histogram.pxd
BUCKETS = 1856 // COARSE
OTHER = "{other}"

Window = dict[str, Any]


def bucket_ns(bucket: int) -> float:
    """The middle of one of our buckets, in ns."""
    fine = bucket * COARSE
    if fine < STEPS:  # 8 ns each
        return fine * 8 + 4 * COARSE
    shift = fine // STEPS + 2
    return ((STEPS + fine % STEPS) << shift) + (COARSE << shift) / 2


@dataclass
class Latencies:
    """From a request's last byte to its response's last."""

    count: int = 0
    sum_ns: int = 0
    min_ns: int = 0
    max_ns: int = 0
    buckets: array[int] = field(default_factory=lambda: array("Q", bytes(8 * BUCKETS)))

    def add(self, told: dict[str, Any] | None) -> None:
        if not told:
            return
        self.min_ns = min(self.min_ns, told["min"]) if self.count else told["min"]
        self.max_ns = max(self.max_ns, told["max"])
        self.count += told["count"]
        self.sum_ns += told["sum"]
        pairs = told["buckets"]
        for place, count in zip(pairs[::2], pairs[1::2], strict=True):
            self.buckets[place // COARSE] += count

    def merge(self, other: Latencies) -> None:
        pairs = [word for place, count in enumerate(other.buckets) if count for word in (place * COARSE, count)]
        if other.count:
            self.add({"count": other.count, "sum": other.sum_ns, "min": other.min_ns, "max": other.max_ns,
                      "buckets": pairs})  # fmt: skip

    def percentile_ns(self, percent: float) -> float | None:
        """None where nothing was measured."""
        placed = sum(self.buckets)
        if not self.count:
            return None
        rank, seen = max(1.0, percent / 100 * self.count), 0
        if rank > placed:  # what was too long for a bucket
            return float(self.max_ns)
        for place, count in enumerate(self.buckets):
            seen += count
            if seen >= rank:
                return min(max(bucket_ns(place), float(self.min_ns)), float(self.max_ns))
        return float(self.max_ns)


@dataclass
class Sizes:
    sum: int = 0
    max: int = 0

    def add(self, told: dict[str, Any]) -> None:
        self.sum += told.get("sum", 0)
        self.max = max(self.max, told.get("max", 0))


@dataclass
class Endpoint:
    protocol: str
    method: str
    host: str
    template: str
    calls: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=Latencies)
    request: Sizes = field(default_factory=Sizes)
    response: Sizes = field(default_factory=Sizes)

    def add(self, row: dict[str, Any]) -> None:
        """A row of a window: one status, or a cache command."""
        self.calls += row["calls"]
        if row.get("status"):
            self.statuses[row["status"]] += row["calls"]
        self.outcomes.update(row.get("outcomes", {}))
        self.flags.update(row.get("flags", {}))
        self.latencies.add(row.get("last"))
        self.request.add(row.get("request", {}))
        self.response.add(row.get("response", {}))

    def merge(self, other: Endpoint) -> None:
        self.calls += other.calls
        self.statuses += other.statuses
        self.outcomes += other.outcomes
        self.flags += other.flags
        self.latencies.merge(other.latencies)
        for mine, theirs in ((self.request, other.request), (self.response, other.response)):
            mine.add({"sum": theirs.sum, "max": theirs.max})


class Endpoints:
    """All of them, by the id they have now."""

    def __init__(self, rows_max: int) -> None:
        self.rows_max = max(rows_max, 16)
        self.by_id: dict[str, Endpoint] = {}
        self.left_out: dict[str, Endpoint] = {}  # by protocol

    def window(self, window: Window) -> None:
        for old, new in window.get("aliases", ()):
            self._move(old, new)
        for told in window["endpoints"]:
            endpoint = self._endpoint(told)
            for row in told["rows"]:
                endpoint.add(row)

    def _endpoint(self, told: dict[str, Any]) -> Endpoint:
        found = self.by_id.get(told["id"])
        if found is not None:
            found.host, found.template = told.get("host", ""), told["template"]  # a token may have become a name
            return found
        protocol = told["protocol"]
        if len(self.by_id) >= self.rows_max:
            return self.left_out.setdefault(protocol, Endpoint(protocol, OTHER, OTHER, OTHER))
        made = Endpoint(protocol, told["method"], told.get("host", ""), told["template"])
        self.by_id[told["id"]] = made
        return made

    def _move(self, old: str, new: str) -> None:
        moved = self.by_id.pop(old, None)
        if moved is None:
            return
        if new in self.by_id:
            self.by_id[new].merge(moved)
        else:
            self.by_id[new] = moved

    def most_called(self) -> list[Endpoint]:
        """All of them; the rest that found no room last."""
        named = sorted(self.by_id.values(), key=lambda one: (-one.calls, one.protocol, one.host, one.template))
        return [*named, *self.left_out.values()]


def milliseconds(ns: float | None) -> float | None:
    return None if ns is None else round(ns / 1e6, 6)


def as_json(endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint of --json; what does not apply is left out."""
    latencies = endpoint.latencies
    found: dict[str, Any] = {
        "protocol": endpoint.protocol,
        "method": endpoint.method,
        "host": endpoint.host,
        "template": endpoint.template,
        "calls": endpoint.calls,
        "statuses": {str(status): count for status, count in sorted(endpoint.statuses.items())},
        "outcomes": dict(endpoint.outcomes),
        "flags": dict(endpoint.flags),
        "request_bytes": {"sum": endpoint.request.sum, "max": endpoint.request.max},
        "response_bytes": {"sum": endpoint.response.sum, "max": endpoint.response.max},
    }
    if latencies.count:
        found["latency_ms"] = {
            "count": latencies.count,
            "mean": milliseconds(latencies.sum_ns / latencies.count),
            **{f"p{percent:g}": milliseconds(latencies.percentile_ns(percent)) for percent in (50, 90, 99, 99.9)},
            "max": milliseconds(latencies.max_ns),
        }
    return {name: value for name, value in found.items() if value not in ({}, "")}


def merged(windows: Iterable[Window], rows_max: int = 1 << 20) -> Sequence[Endpoint]:
    """The endpoints of some windows."""
    endpoints = Endpoints(rows_max)
    for window in windows:
        endpoints.window(window)
    return endpoints.most_called()
