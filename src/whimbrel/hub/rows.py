"""A batch as rows of the archive's tables, and what no agent can have written.

summary.batch has checked types, lengths and nesting; here numbers are bounded, so that whatever is added to them later
fits a column, and ids, statuses and times are what they say.  A batch is refused as a whole.

Counts are multiplied by the batch's `sample` on the way; `seen` keeps what was looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from whimbrel.hub.totals import totals_of
from whimbrel.summary.batch import BatchError

Rows = dict[str, list[dict[str, Any]]]  # by table of hub.tables.ALL_COLUMNS

WINDOW_S = 10  # windows are put on this grid: two agents' are then the same point of a chart
WINDOW_MOST_S = 86_400  # from start to end; an agent's are ten seconds, but a capture's clock may leap
AHEAD_MOST_S = 86_400  # by which an agent's clock may run before the hub's: what is further ahead would never age
SAMPLE_MOST = 1 << 20
CPU_NS_MOST = WINDOW_MOST_S * 4096 * 1_000_000_000  # of a window: all processors of the largest machine
RESIDENT_MOST = 1 << 50
CALLS_MOST = 1 << 44  # sampled or not, of one row: 2^18 rows of it can be added up
STATUS_MOST = 999
PORT_MOST = 65_535
ENDPOINT = re.compile(r"[0-9a-f]{16}")
BATCH_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
NS = 1_000_000_000

Pair = tuple[list[Any], list[Any]]


def rows_of(document: Mapping[str, Any], now_s: int) -> Rows:
    """Everything a batch says, by table; BatchError where it cannot be."""
    started = started_of(document, now_s)
    sample = bounded(max(document.get("sample", 1), 1), SAMPLE_MOST, "a sampling rate")
    agent = text(document["agent"])
    made: Rows = {
        "batches": [{"id": document["id"], "agent": agent, "started": started, "received": now_s}],
        "agents_new": [agent_row(document, started, sample)],
        "edges_new": [edge_row(edge, started, sample) for edge in document["edges"]],
        "reuse_new": [reuse_row(found, agent, started) for found in document["reuse"]],
        "aliases": [{"endpoint": number_of(old), "became": number_of(new)} for old, new in document["aliases"]],
        "calls_new": [],
        "endpoints": [],
        "auths": [],
        "schemas": [],
    }
    for endpoint in document["endpoints"]:
        add_endpoint(made, endpoint, agent, started, sample)
    hosts = {row["endpoint"]: (row["protocol"], row["host"]) for row in made["endpoints"]}
    made["totals_new"] = totals_of((*hosts[row["endpoint"]], row) for row in made["calls_new"])
    return made


def started_of(document: Mapping[str, Any], now_s: int) -> int:
    """The window's start on the grid."""
    if not BATCH_ID.fullmatch(document["id"]):
        raise BatchError("an id that is none")
    start, end = document["start_ns"], document["end_ns"]
    if not 0 <= start <= end or end - start > WINDOW_MOST_S * NS:
        raise BatchError("a window that begins or ends at no time")
    if start > (now_s + AHEAD_MOST_S) * NS:
        raise BatchError("a window of the future: compare the clocks of the agent and the hub")
    return int(start // NS // WINDOW_S * WINDOW_S)


def bounded(value: int, most: int, what: str) -> int:
    if not 0 <= value <= most:
        raise BatchError(f"{what} of {value}; at most {most}")
    return value


def text(value: str) -> str:
    """Nothing that a database takes for an end, a terminal for an order, or a reader for the other direction."""
    if not value.isprintable():
        raise BatchError("a name that cannot be printed")
    return value


def number_of(endpoint: str) -> int:
    """An endpoint's id as the archive keeps it."""
    if not ENDPOINT.fullmatch(endpoint):
        raise BatchError("an endpoint's id is 16 hexadecimal digits")
    return int(endpoint, 16)


def id_of(number: int) -> str:
    return f"{number:016x}"


def scaled(value: int, sample: int) -> int:
    return bounded(value * sample, CALLS_MOST, "a count")


def agent_row(document: Mapping[str, Any], started: int, sample: int) -> dict[str, Any]:
    names, counts = named(document["counts"].items(), 1)
    return {
        "started": started, "agent": document["agent"], "batches": 1,
        "lost_batches": bounded(document["lost_batches"], CALLS_MOST, "a count"),
        "lost_calls": bounded(document["lost_calls"], CALLS_MOST, "a count"),
        "opened": document["start_ns"] / NS, "closed": document["end_ns"] / NS,
        "sample": sample, "version": document["v"], "counts_places": names, "counts_counts": counts,
        "cpu_ns": bounded(document.get("cpu_ns", 0), CPU_NS_MOST, "a processor time"),
        "resident_bytes": bounded(document.get("resident_bytes", 0), RESIDENT_MOST, "a size of memory"),
        "program": text(document.get("program", "")),
    }  # fmt: skip


def edge_row(edge: Mapping[str, Any], started: int, sample: int) -> dict[str, Any]:
    names = ("client", "client_class", "server", "server_class", "protocol", "version", "name", "alpn")
    row: dict[str, Any] = {"started": started} | {name: text(edge.get(name, "")) for name in names}
    row["port"] = bounded(edge["port"], PORT_MOST, "a port")
    for count in ("calls", "flows", "handshakes"):
        row[count] = scaled(edge.get(count, 0), sample)
    for size in ("request_bytes", "response_bytes", "flow_bytes"):
        row[size] = float(edge.get(size, 0)) * sample
    return row


def reuse_row(found: Mapping[str, Any], agent: str, started: int) -> dict[str, Any]:
    """Already scaled to all keys by the agent."""
    places, counts = pairs(found["distances"])
    return {
        "started": started, "agent": agent, "server": text(found["server"]), "protocol": text(found["protocol"]),
        "port": bounded(found["port"], PORT_MOST, "a port"), "reads": scaled(found["reads"], 1),
        "cold": min(float(found["cold"]), float(CALLS_MOST)), "share": min(float(found["share"]), 1.0),
        "distances_places": [int(place) for place in places],
        "distances_counts": [min(float(n), float(CALLS_MOST)) for n in counts],
    }  # fmt: skip


def add_endpoint(made: Rows, endpoint: Mapping[str, Any], agent: str, started: int, sample: int) -> None:
    number = number_of(endpoint["id"])
    identity = {name: text(endpoint.get(name, "")) for name in ("protocol", "method", "host", "template")}
    made["endpoints"].append({"endpoint": number, "agent": agent, "started": started} | identity)
    made["auths"] += [{"endpoint": number, "kind": text(kind)} for kind in endpoint.get("auth", ())]
    of = {"endpoint": number, "started": started}
    at = of | {"opened": started, "closed": started}
    for part in ("body", "query", "headers"):
        if part in endpoint:
            made["schemas"].append(of | {"part": part, "status": 0, "document": encoded(endpoint[part])})
    for row in endpoint["rows"]:
        made["calls_new"].append(at | call_row(row, sample))
        if "body" in row:
            status = row.get("status", 0)
            made["schemas"].append(of | {"part": "response", "status": status, "document": encoded(row["body"])})


def call_row(row: Mapping[str, Any], sample: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "status": bounded(row.get("status", 0), STATUS_MOST, "a status"),
        "calls": scaled(row["calls"], sample),
        "seen": row["calls"],
        "sample": sample,
    }
    for which in ("first", "last"):
        made |= latency_columns(which, row.get(which), sample)
    for which in ("request", "response"):
        sizes = row[which]
        made |= {f"{which}_{what}": float(sizes[what]) for what in ("min", "max")}
        made[f"{which}_sum"] = float(sizes["sum"]) * sample
    made["marks_places"], made["marks_counts"] = named(marks_of(row), sample)
    registers = row.get("clients", b"")
    made["clients"] = [registers[i] | registers[i + 1] << 8 for i in range(0, len(registers), 2)]
    return made


def latency_columns(which: str, latency: Mapping[str, Any] | None, sample: int) -> dict[str, Any]:
    """No minimum and maximum where nothing was measured: they must not win."""
    found: Mapping[str, Any] = latency or {}
    places, counts = pairs(found.get("buckets", ()))
    columns: dict[str, Any] = {
        f"{which}_{what}": scaled(found.get(what, 0), sample) for what in ("count", "overflow", "unplaced")
    }
    return columns | {
        f"{which}_sum": float(found.get("sum", 0)) * sample,
        f"{which}_min": float(found["min"]) if found.get("count") else None,
        f"{which}_max": float(found["max"]) if found.get("count") else None,
        f"{which}_places": places,
        f"{which}_counts": [scaled(n, sample) for n in counts],
    }


def marks_of(row: Mapping[str, Any]) -> Iterable[tuple[str, int]]:
    """Counts by kind and name; see archive.MARKS."""
    for kind, field in (("flag", "flags"), ("body", "body_flags"), ("outcome", "outcomes")):
        yield from ((f"{kind}:{name}", n) for name, n in row.get(field, {}).items())
    for kind in ("request_kind", "response_kind"):
        yield from ((f"{kind}:{number}", 1) for number in row.get(f"{kind}s", ()))  # a set: its count says little
    yield from ((f"caller:{client}/{kind}", n) for client, kind, n in row.get("callers", ()))
    if row.get("more_callers"):
        yield "callers:more", row["calls"]
    steps = (("ttl", row.get("ttls", ())), ("request_step", row["request"]["steps"]))
    for kind, flat in chain(steps, (("response_step", row["response"]["steps"]),)):
        yield from ((f"{kind}:{place}", n) for place, n in zip(*pairs(flat), strict=True))


def pairs(flat: Sequence[Any]) -> Pair:
    return list(flat[::2]), list(flat[1::2])


def named(items: Iterable[tuple[str, int]], sample: int) -> Pair:
    """What is 0 is not there."""
    kept = [(text(name), scaled(n, sample)) for name, n in items if n]
    return [name for name, _ in kept], [n for _, n in kept]


def encoded(shape: Mapping[str, Any]) -> str:
    return msgspec.json.encode(shape).decode()
