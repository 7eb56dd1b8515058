"""What the hub talks about: endpoints, what was measured of them, and periods of time.

Plain values, made from an archive or from batches, never changed; whoever compares, exports or shows them imports
nothing else.  Counts are as they were sent: calls that were followed.  Where an agent followed one flow in so many,
showing them scaled is the page's business, and judging them by how many they really are is what comparisons need.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from whimbrel.hub.schema import NOTHING, Schema, join
from whimbrel.summary.batch import LatencyDoc

# Buckets of base/histogram: 64 of 8 ns, then 64 equal steps in every octave.
OCTAVE_STEPS = 64
BUCKETS_END_NS = 1 << 37

PARAMETER = re.compile(r"\{([a-z0-9-]+)\}")  # in templates: a value of this format stands here
OTHER = "{other}"  # the template of calls that found no place of their own


def bucket_bounds_ns(place: int) -> tuple[int, int]:
    """The first nanosecond of a bucket and the first behind it."""
    octave, step = divmod(place, OCTAVE_STEPS)
    width_bits = 3 + max(octave - 1, 0)
    low = step << 3 if octave == 0 else (OCTAVE_STEPS + step) << width_bits
    return low, low + (1 << width_bits)


@dataclass(frozen=True, slots=True)
class Latencies:
    """A histogram of nanoseconds."""

    count: int = 0
    sum_ns: int = 0
    min_ns: int = 0
    max_ns: int = 0
    buckets: Mapping[int, int] = field(default_factory=dict)
    overflow: int = 0  # behind the last bucket

    @classmethod
    def of(cls, doc: LatencyDoc | None) -> Latencies:
        if doc is None:
            return cls()
        pairs = doc["buckets"]
        buckets = dict(zip(pairs[::2], pairs[1::2], strict=True))
        return cls(doc["count"], doc["sum"], doc["min"], doc["max"], buckets, doc.get("overflow", 0))

    @property
    def placed(self) -> int:
        """How many are in buckets: what percentiles are made of."""
        return sum(self.buckets.values()) + self.overflow

    def starts(self) -> Iterator[tuple[int, int]]:
        """(first nanosecond, count) of every bucket, ascending."""
        for place in sorted(self.buckets):
            yield bucket_bounds_ns(place)[0], self.buckets[place]
        if self.overflow:
            yield BUCKETS_END_NS, self.overflow

    def percentiles_ns(self, *percents: float) -> list[float]:
        """The middle of the bucket of each, off by at most 0.8 %, from one walk; 0 where there is nothing."""
        places = sorted(self.buckets)
        below = list(accumulate(self.buckets[place] for place in places))
        placed = self.placed
        ranks = (max(1, -(-int(placed * percent * 1000) // 100_000)) for percent in percents)
        return [self._middle_ns(bisect_left(below, rank), places) for rank in ranks]

    def percentile_ns(self, percent: float) -> float:
        return self.percentiles_ns(percent)[0]

    def _middle_ns(self, at: int, places: Sequence[int]) -> float:
        """Of a bucket, or of what is behind the last; no further than the least and the largest that there was."""
        if at == len(places):
            return (min(BUCKETS_END_NS, self.max_ns) + self.max_ns) / 2
        low, high = bucket_bounds_ns(places[at])
        return (max(low, self.min_ns) + min(high, self.max_ns)) / 2


def added(histograms: Iterable[Latencies]) -> Latencies:
    """All of them as one."""
    some = [one for one in histograms if one.count]
    if not some:
        return Latencies()
    if len(some) == 1:
        return some[0]
    largest = max(some, key=lambda one: len(one.buckets))
    buckets = dict(largest.buckets)
    for one in some:
        if one is not largest:
            for place, count in one.buckets.items():
                buckets[place] = buckets.get(place, 0) + count
    return Latencies(
        count=sum(one.count for one in some),
        sum_ns=sum(one.sum_ns for one in some),
        min_ns=min(one.min_ns for one in some),
        max_ns=max(one.max_ns for one in some),
        buckets=buckets,
        overflow=sum(one.overflow for one in some),
    )


def status_class(status: int) -> str:
    """2xx"""
    return f"{status // 100}xx" if 100 <= status <= 599 else "none"


@dataclass(frozen=True, slots=True)
class StatusStats:
    """Calls of one endpoint that had one status."""

    status: int  # HTTP's; 0: no response was seen
    calls: int
    latency: Latencies = field(default_factory=Latencies)  # request's last byte to the response's last
    slices: Mapping[int, Latencies] = field(default_factory=dict)  # the same by part of the period
    response: Schema = NOTHING
    request_kinds: frozenset[int] = frozenset()  # of bodies, numbers as in docs/batch.md
    response_kinds: frozenset[int] = frozenset()

    @property
    def status_class(self) -> str:
        return status_class(self.status)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One kind of call.  Several ids: each agent has its own for it."""

    ids: frozenset[str]
    protocol: str
    method: str
    host: str
    template: str
    statuses: Mapping[int, StatusStats] = field(default_factory=dict)
    request: Schema = NOTHING  # bodies of calls that succeeded
    query: Schema = NOTHING
    headers: Schema = NOTHING
    auth: frozenset[str] = frozenset()
    first_seen_ns: int = 0  # ever; 0 where that is not known
    last_seen_ns: int = 0

    @property
    def service(self) -> str:
        """Who answers: the host; caches of a kind are one."""
        return self.host or self.protocol

    @property
    def name(self) -> str:
        """A command without a key has no template."""
        return f"{self.method} {self.template}".rstrip()

    @property
    def text(self) -> tuple[str, str, str, str]:
        """What makes two agents' endpoints the same."""
        return self.protocol, self.method, self.host, self.template

    @property
    def calls(self) -> int:
        return sum(row.calls for row in self.statuses.values())

    def succeeded(self) -> Iterator[StatusStats]:
        """Rows below 400."""
        return (row for row in self.statuses.values() if 100 <= row.status < 400)


@dataclass(frozen=True, slots=True)
class Period:
    """What there was in [start, end)."""

    start_ns: int
    end_ns: int
    endpoints: tuple[Endpoint, ...] = ()

    @property
    def length_ns(self) -> int:
        return max(self.end_ns - self.start_ns, 0)


# ---- several sources -----------------------------------------------------------------------------------


def united(endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """Endpoints with the same words as one each: those of several agents, and those that became one template."""
    found: dict[tuple[str, str, str, str], Endpoint] = {}
    for endpoint in endpoints:
        known = found.get(endpoint.text)
        found[endpoint.text] = both(known, endpoint) if known else endpoint
    return tuple(found.values())


def both(one: Endpoint, other: Endpoint) -> Endpoint:
    """Calls of the two added, schemas united; the words are the first's."""
    statuses = dict(one.statuses)
    for status, row in other.statuses.items():
        statuses[status] = both_rows(statuses[status], row) if status in statuses else row
    known = [seen for seen in (one.first_seen_ns, other.first_seen_ns) if seen]
    return replace(
        one,
        ids=one.ids | other.ids,
        statuses=statuses,
        request=join(one.request, other.request),
        query=join(one.query, other.query),
        headers=join(one.headers, other.headers),
        auth=one.auth | other.auth,
        first_seen_ns=min(known, default=0),
        last_seen_ns=max(one.last_seen_ns, other.last_seen_ns),
    )


def both_rows(one: StatusStats, other: StatusStats) -> StatusStats:
    slices = {
        part: added(row.slices[part] for row in (one, other) if part in row.slices)
        for part in one.slices.keys() | other.slices.keys()
    }
    return StatusStats(
        status=one.status,
        calls=one.calls + other.calls,
        latency=added((one.latency, other.latency)),
        slices=slices,
        response=join(one.response, other.response),
        request_kinds=one.request_kinds | other.request_kinds,
        response_kinds=one.response_kinds | other.response_kinds,
    )
