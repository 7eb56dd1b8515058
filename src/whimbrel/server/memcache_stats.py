"""What `stats` answers, in the words of the original where it has words for it.

Called by the executor for the rare `stats` commands with plain numbers; everything returned is a whole reply.
`stats reset` does not touch the counters, which are monotonic for those who scrape them: it remembers where
they stood, and later replies are relative to that.
"""

import os
import resource
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from whimbrel import __version__
from whimbrel.server import counters

COUNTERS: int = counters.COUNT

# The first number is the version of memcached whose behaviour clients may expect; they parse it.
COMPATIBLE_WITH = "1.6.18"
DETAIL_USAGE = b"CLIENT_ERROR usage: stats detail on|off|dump\r\n"

Numbers = Mapping[str, int]
Rows = Iterable[tuple[str, object]]


class Source(Protocol):
    """What the running server tells: the sums over its workers, and who is connected."""

    def counter_totals(self) -> Sequence[int]: ...

    def memcache_facts(self) -> Mapping[str, object]: ...

    def clients(self) -> Sequence[Mapping[str, object]]: ...


VERSION = f"{COMPATIBLE_WITH}-whimbrel-{__version__}"

_started = time.monotonic()
_baseline: list[int] = [0] * COUNTERS

# stats name -> counter name
_COUNTED = (
    ("cmd_get", "memcache_keys_get"),
    ("cmd_set", "memcache_keys_set"),
    ("cmd_flush", "memcache_flushes"),
    ("cmd_touch", "memcache_keys_touch"),
    ("cmd_meta", "memcache_meta"),
    ("get_hits", "memcache_get_hits"),
    ("get_misses", "memcache_get_misses"),
    ("delete_misses", "memcache_delete_misses"),
    ("delete_hits", "memcache_delete_hits"),
    ("incr_misses", "memcache_incr_misses"),
    ("incr_hits", "memcache_incr_hits"),
    ("decr_misses", "memcache_decr_misses"),
    ("decr_hits", "memcache_decr_hits"),
    ("cas_misses", "memcache_cas_misses"),
    ("cas_hits", "memcache_cas_hits"),
    ("cas_badval", "memcache_cas_badval"),
    ("touch_hits", "memcache_touch_hits"),
    ("touch_misses", "memcache_touch_misses"),
    ("store_too_large", "memcache_too_large"),
    ("store_no_memory", "memcache_no_memory"),
    ("bytes_read", "bytes_in"),
    ("bytes_written", "bytes_out"),
)


def lines(rows: Rows) -> bytes:
    return "".join(f"STAT {name} {value}\r\n" for name, value in rows).encode() + b"END\r\n"


def general(store: Numbers, settings: Numbers, facts: Mapping[str, object], counted: Numbers) -> Rows:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    opened = counted["connections_opened"]
    yield "pid", os.getpid()
    yield "uptime", int(time.monotonic() - _started)
    yield "time", int(time.time())
    yield "version", VERSION
    yield "pointer_size", 64
    yield "rusage_user", f"{usage.ru_utime:.6f}"
    yield "rusage_system", f"{usage.ru_stime:.6f}"
    yield "max_connections", settings["max_connections"]
    yield "curr_connections", opened - counted["connections_closed"]
    yield "total_connections", opened
    for name, counter in _COUNTED:
        yield name, counted[counter]
    yield "limit_maxbytes", facts.get("memory_bytes", store["heap_bytes"])
    yield "accepting_conns", 1
    yield "threads", facts.get("threads", 1)
    yield "hash_bytes", store["table_bytes"]
    yield "bytes", store["item_bytes"]
    yield "curr_items", store["items"]
    yield "total_items", store["writes"]
    yield "evictions", store["evicted_items"]
    yield "reclaimed", store["expired_items"]


def settings_rows(store: Numbers, settings: Numbers, facts: Mapping[str, object]) -> Rows:
    yield "maxbytes", facts.get("memory_bytes", store["heap_bytes"])
    yield "maxconns", settings["max_connections"]
    yield "tcpport", facts.get("tcp_port", 0)
    yield "udpport", 0
    yield "inter", facts.get("address", "NULL")
    yield "verbosity", settings["verbosity"]
    yield "evictions", "on"
    yield "domain_socket", facts.get("unix_path", "NULL")
    yield "num_threads", facts.get("threads", 1)
    yield "detail_enabled", "no"
    yield "cas_enabled", "yes"
    yield "binding_protocol", "ascii"
    yield "auth_enabled_sasl", "no"
    yield "auth_enabled_ascii", "no"
    yield "item_size_max", settings["max_item"]
    yield "flush_enabled", "yes"
    yield "dump_enabled", "no"
    yield "idle_timeout", settings["idle_timeout_ms"] // 1000
    yield "eviction_policy", facts.get("eviction", "s3fifo")
    yield "segment_bytes", store["segment_bytes"]


def items_rows(store: Numbers) -> Rows:
    """One class that holds everything: what a client of `stats items` needs to see."""
    if store["items"]:
        yield "items:1:number", store["items"]
        yield "items:1:mem_requested", store["item_bytes"]
        yield "items:1:evicted", store["evicted_items"]
        yield "items:1:reclaimed", store["expired_items"]


def slabs_rows(store: Numbers) -> Rows:
    used = store["segments"] - store["segments_free"]
    yield "1:chunk_size", store["segment_bytes"]
    yield "1:total_pages", store["segments"]
    yield "1:used_chunks", used
    yield "1:free_chunks", store["segments_free"]
    yield "1:mem_requested", store["item_bytes"]
    yield "active_slabs", 1
    yield "total_malloced", store["segments"] * store["segment_bytes"]


def conns_rows(clients: Iterable[Mapping[str, object]]) -> Rows:
    for client in clients:
        yield f"{client.get('id', 0)}:addr", client.get("addr", "unknown")
        yield f"{client.get('id', 0)}:secs_since_last_cmd", client.get("idle", 0)


def reply(
    arguments: bytes, store: Numbers, settings: Numbers, own_counters: Sequence[int], server: Source | None
) -> bytes:
    """The whole answer to `stats <arguments>`; the server is None in a process that only has an executor."""
    totals = list(server.counter_totals()) if server is not None else list(own_counters)
    facts = server.memcache_facts() if server is not None else {}
    words = arguments.split()
    kind = words[0] if words else b""
    if kind == b"reset":
        _baseline[:] = totals
        return b"RESET\r\n"
    if kind == b"detail":
        return b"OK\r\n" if words[1:2] == [b"off"] else DETAIL_USAGE
    if kind == b"":
        counted = {name: now - then for name, now, then in zip(counters.NAMES, totals, _baseline, strict=True)}
        for name in ("connections_opened", "connections_closed"):  # gauges come from these: never relative
            counted[name] = totals[counters.NAMES.index(name)]
        return lines(general(store, settings, facts, counted))
    if kind == b"settings":
        return lines(settings_rows(store, settings, facts))
    if kind == b"items":
        return lines(items_rows(store))
    if kind == b"slabs":
        return lines(slabs_rows(store))
    if kind == b"sizes":
        return lines([("sizes_status", "disabled")])
    if kind == b"conns":
        return lines(conns_rows(server.clients() if server is not None else ()))
    return b"ERROR\r\n"
