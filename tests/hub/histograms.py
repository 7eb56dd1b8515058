"""The hub's histograms, made of times."""

import bisect

from whimbrel.hub.model import Latencies, bucket_bounds_ns

EDGES_NS = [bucket_bounds_ns(place)[0] for place in range(1856)]


def place_of(ns: int) -> int:
    return bisect.bisect_right(EDGES_NS, ns) - 1


def latencies(*times_ns: int) -> Latencies:
    buckets: dict[int, int] = {}
    for ns in times_ns:
        if ns < 1 << 37:
            buckets[place_of(ns)] = buckets.get(place_of(ns), 0) + 1
    overflow = sum(ns >= 1 << 37 for ns in times_ns)
    return Latencies(len(times_ns), sum(times_ns), min(times_ns), max(times_ns), buckets, overflow)
