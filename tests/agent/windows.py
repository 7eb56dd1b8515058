"""Windows as the engine reads them out, made by hand; see docs/batch.md."""

from typing import Any

from whimbrel.base.histogram import Histogram


def latency(*ns: int) -> dict[str, Any]:
    """As summary/latency.pyx tells it."""
    histogram = Histogram()
    for value in ns:
        histogram.record(value)
    pairs: list[int] = []
    for low, _, count in histogram.buckets():
        pairs += [bucket_of(low), count]
    return {"count": len(ns), "sum": sum(ns), "min": min(ns), "max": max(ns), "buckets": pairs}


def bucket_of(ns: int) -> int:
    """The number of a bucket by its lower end; as base/histogram.pxd says."""
    if ns < 512:
        return ns >> 3
    octave = ns.bit_length() - 1
    return ((octave - 9) << 6) + (ns >> (octave - 6))


def row(calls: int = 1, status: int = 200, size: int = 100, ns: tuple[int, ...] = (1_000_000,)) -> dict[str, Any]:
    sizes = {"sum": calls * size, "min": size, "max": size, "steps": []}
    return {"calls": calls, "status": status, "last": latency(*ns), "request": {}, "response": sizes, "flags": {}}


def endpoint(endpoint_id: str = "1", *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    told = {"id": endpoint_id, "protocol": "http", "method": "GET", "host": "shop.example", "template": "/orders"}
    return {**told, "rows": list(rows) or [row()], **more}


def window(*endpoints: dict[str, Any], start_s: int = 1000, **more: Any) -> dict[str, Any]:
    whole = {"start_ns": start_s * 10**9, "end_ns": (start_s + 10) * 10**9, "aliases": [], "edges": [], "reuse": []}
    return {**whole, "endpoints": list(endpoints), "counts": {"window_calls": len(endpoints)}, **more}
