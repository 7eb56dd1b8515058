"""Rows of the archive as the numbers that people read: totals, shares, percentiles.

Counts come scaled (see hub.archive), so nothing is multiplied here; a share of nothing is 0, a percentile of nothing
None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from whimbrel.hub.answers.shapes import Quantiles, SizeView
from whimbrel.hub.archive import StatusRow
from whimbrel.hub.model import Latencies, added

HTTP = "http"
CACHES = ("memcache", "redis")
# Commands that are told to have missed where there was nothing to change; a hit ratio is of reading.
MEMCACHE_CHANGES = "delete incr decr touch cas md ma ms"
REDIS_CHANGES = (
    "del unlink expire pexpire expireat pexpireat persist set getset"
    " hdel srem zrem lrem xdel xtrim zremrangebyscore zremrangebyrank zremrangebylex"
)
CHANGING = frozenset((*MEMCACHE_CHANGES.split(), *REDIS_CHANGES.split()))


@dataclass(frozen=True, slots=True)
class Tally:
    """Several rows as one."""

    calls: int = 0
    seen: int = 0
    sample: int = 1
    errors: int = 0  # HTTP: 500 and above; caches: outcome error
    client_errors: int = 0  # HTTP 4xx
    no_response: int = 0  # HTTP
    request_bytes: float = 0.0
    response_bytes: float = 0.0
    last: Latencies = field(default_factory=Latencies)
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def hit_share(self) -> float | None:
        hits, misses = self.outcomes["hit"], self.outcomes["miss"]
        return hits / (hits + misses) if hits + misses else None


def tally(rows: Iterable[StatusRow], protocol: str) -> Tally:
    """Rows of one protocol."""
    every, http = list(rows), protocol == HTTP
    outcomes: Counter[str] = Counter()
    for row in every:
        outcomes.update(row.named("outcome"))
    return Tally(
        calls=sum(row.calls for row in every),
        seen=sum(row.seen for row in every),
        sample=max((row.sample for row in every), default=1),
        errors=sum(row.calls for row in every if row.status >= 500) if http else outcomes["error"],
        client_errors=sum(row.calls for row in every if 400 <= row.status < 500),
        no_response=sum(row.calls for row in every if row.status == 0) if http else 0,
        request_bytes=sum(row.request.sum for row in every),
        response_bytes=sum(row.response.sum for row in every),
        last=added(row.last for row in every),
        outcomes=outcomes,
    )


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def percentiles(latencies: Latencies, *percents: float) -> list[float | None]:
    return [*latencies.percentiles_ns(*percents)] if latencies.placed else [None] * len(percents)


def percentile(latencies: Latencies, percent: float) -> float | None:
    return percentiles(latencies, percent)[0]


def quantiles(latencies: Latencies) -> Quantiles:
    known = latencies.count > 0
    p50, p75, p90, p95, p99, p999, p9999 = percentiles(latencies, 50, 75, 90, 95, 99, 99.9, 99.99)
    return Quantiles(
        count=latencies.count,
        mean_ns=latencies.sum_ns / latencies.count if known else None,
        min_ns=latencies.min_ns if known else None,
        p50_ns=p50,
        p75_ns=p75,
        p90_ns=p90,
        p95_ns=p95,
        p99_ns=p99,
        p999_ns=p999,
        p9999_ns=p9999,
        max_ns=latencies.max_ns if known else None,
    )


def request_sizes(rows: Iterable[StatusRow]) -> SizeView:
    return sizes((row.request.sum, row.request.min, row.request.max, row.calls) for row in rows)


def response_sizes(rows: Iterable[StatusRow]) -> SizeView:
    return sizes((row.response.sum, row.response.min, row.response.max, row.calls) for row in rows)


def sizes(parts: Iterable[tuple[float, int, int, int]]) -> SizeView:
    """Of (sum, smallest, largest, calls)."""
    every = [part for part in parts if part[3]]
    return SizeView(
        mean_bytes=share(sum(part[0] for part in every), sum(part[3] for part in every)),
        min_bytes=min((part[1] for part in every), default=0),
        max_bytes=max((part[2] for part in every), default=0),
    )
