"""What the server exposes: metric rows, and how their values come from a running Server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from whimbrel.base.histogram import Histogram
from whimbrel.base.metrics import Metric, Sample
from whimbrel.base.process import resident_bytes
from whimbrel.server import counters
from whimbrel.server.server import Server

PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)

UPTIME = Metric("uptime", "gauge", "seconds", (), "Time since the server started")
RESIDENT = Metric("resident", "gauge", "bytes", (), "Resident memory of the process")
MEMORY = Metric("memory", "gauge", "bytes", ("part",), "The memory plan, line by line; its sum is --memory")
CONNECTIONS = Metric("connections", "gauge", "", ("worker",), "Connections open now")
BUFFERS = Metric(
    "buffers", "gauge", "bytes", ("worker", "use"), "Bytes connections hold: partial requests, unsent replies, state"
)
COMMANDS = Metric("commands", "counter", "", ("protocol", "command"), "Requests answered")
LATENCY = Metric(
    "request",
    "histogram",
    "seconds",
    ("protocol", "command"),
    "From the readable event that brought a request's last byte to the write of its reply",
)
WAITED = Metric(
    "read_wait",
    "histogram",
    "seconds",
    (),
    "From the return of the loop's wait to the start of a connection's read",
)
ACCEPTOR = {
    "accepted": Metric("accepted", "counter", "", (), "Connections handed to a worker"),
    "refused_limit": Metric("refused_limit", "counter", "", (), "Connections refused at --max-connections"),
    "refused_files": Metric("refused_files", "counter", "", (), "Connections refused because no descriptor was left"),
    "refused_behind": Metric(
        "refused_behind", "counter", "", (), "Connections refused because their worker fell behind"
    ),
}
COUNTERS = {name: Metric(name, "counter", "", (), sentence) for _, name, sentence in counters.ROWS}
STORE_GAUGES = {
    "items": Metric("items", "gauge", "", (), "Live items, expired ones until their segment is reclaimed"),
    "item_bytes": Metric("item", "gauge", "bytes", (), "Bytes of live items with their headers"),
    "heap_bytes": Metric("heap", "gauge", "bytes", (), "Limit of hash table and segments"),
    "table_bytes": Metric("table", "gauge", "bytes", (), "Bytes of the hash table in use"),
    "segments": Metric("segments", "gauge", "", (), "Segments of the heap"),
    "segments_free": Metric("segments_free", "gauge", "", (), "Segments that hold nothing"),
    "segment_bytes": Metric("segment", "gauge", "bytes", (), "Size of a segment"),
}
STORE_SENTENCES = {
    "writes": "Items written",
    "evicted_items": "Items evicted before their time",
    "evicted_bytes": "Bytes of items evicted before their time",
    "expired_items": "Items reclaimed after their expiry",
    "relocated_items": "Items moved to survive their segment",
    "evicted_segments": "Segments evicted",
    "expired_segments": "Segments reclaimed whole after their expiry",
    "compacted_segments": "Segments emptied because most of them was dead",
    "read_retries": "Lock-free reads that were repeated",
    "lock_waits": "Waits for a bucket's lock",
    "table_grows": "Times the hash table grew",
    "table_full_evictions": "Items evicted because their bucket was full",
    "no_memory": "Writes that found no segment",
}
STORE_COUNTERS = {
    name: Metric(f"store_{name}", "counter", "", (), sentence) for name, sentence in STORE_SENTENCES.items()
}
ROWS: tuple[Metric, ...] = (
    UPTIME, RESIDENT, MEMORY, CONNECTIONS, BUFFERS, COMMANDS, LATENCY, WAITED,
    *ACCEPTOR.values(), *COUNTERS.values(), *STORE_GAUGES.values(), *STORE_COUNTERS.values(),
)  # fmt: skip


def samples(server: Server) -> Iterator[Sample]:
    """Every row's values now."""
    yield Sample(UPTIME, (), time.monotonic() - server.started_s)
    yield Sample(RESIDENT, (), resident_bytes())
    if server.budget is not None:
        for part, size in server.budget.lines():
            yield Sample(MEMORY, (part,), size)
    for worker, connections in enumerate(server.connections()):
        yield Sample(CONNECTIONS, (str(worker),), connections)
    for worker, buffers in enumerate(server.buffers()):
        for use, held in buffers.items():
            yield Sample(BUFFERS, (str(worker), use), held)
    for labels, histogram in server.latencies().items():
        yield Sample(COMMANDS, labels, histogram.count)
        yield Sample(LATENCY, labels, histogram)
    yield Sample(WAITED, (), server.waits())
    totals = server.totals()
    for name, row in {**ACCEPTOR, **COUNTERS}.items():
        yield Sample(row, (), totals[name])
    store = server.store_numbers()
    for name, row in {**STORE_GAUGES, **STORE_COUNTERS}.items():
        yield Sample(row, (), store[name])


def stats_page(server: Server) -> dict[str, Any]:
    """/stats.json: the same numbers, with percentiles in microseconds."""
    return {
        "uptime_s": round(time.monotonic() - server.started_s, 3),
        "listening": server.addresses,
        "options": server.options.as_text(),
        "memory": {"resident_bytes": resident_bytes(), "plan": dict(server.budget.lines()) if server.budget else {}},
        "connections": server.connections(),
        "buffers": server.buffers(),
        "counters": server.totals(),
        "store": server.store_numbers(),
        "commands": {"/".join(name): summary(histogram) for name, histogram in sorted(server.latencies().items())},
        "read_wait": summary(server.waits()),
    }


def summary(histogram: Histogram) -> dict[str, float]:
    if not histogram.count:
        return {"count": 0}
    marks = zip(PERCENTILES, histogram.percentiles(PERCENTILES), strict=True)
    return {
        "count": histogram.count,
        "mean_us": round(histogram.mean_ns / 1000, 3),
        **{f"p{percent:g}_us": round(ns / 1000, 3) for percent, ns in marks},
        "max_us": round(histogram.max_ns / 1000, 3),
    }
