"""The options of `whimbrel bench`: what is asked, how fast, for how long, and how the answer is shown."""

from __future__ import annotations

from whimbrel.base.errors import UsageError
from whimbrel.base.options import Option, Values
from whimbrel.bench.schedule import MAX_RATE, Schedule
from whimbrel.bench.workload import MAX_KEYS, Workload

MAX_CONNECTIONS = 50_000  # one generator; ports of one address pair end soon after
MAX_PIPELINE = 10_000  # requests in flight on a connection: more only measures the buffers between

ROWS = (
    Option("target", "address", "127.0.0.1:11211", "The server to load."),
    Option("protocol", "choice", "memcache", "What it is spoken to in.", choices=("memcache", "resp")),
    Option("connections", "int", 50, "Connections, all of one thread.", 1, MAX_CONNECTIONS),
    Option("pipeline", "int", 1, "Requests in flight on a connection, at most.", 1, MAX_PIPELINE),
    Option(
        "rate",
        "int",
        0,
        "Requests a second over all connections, due whatever the server does (open loop);"
        " 0 asks as fast as replies come (closed loop).",
        0,
        MAX_RATE,
    ),
    Option("pace", "choice", "fixed", "How an open loop's requests are spaced.", choices=("fixed", "poisson")),
    Option("duration", "seconds", 5, "How long requests are recorded; 0 is until --requests are sent.", 0, 86400),
    Option("requests", "int", 0, "End after so many requests; 0 is no such limit.", 0, 10**12),
    Option("warmup", "seconds", 0, "How long requests are sent before they are recorded.", 0, 3600),
    Option("keys", "int", 100_000, "Different keys.", 1, MAX_KEYS),
    Option("key-size", "str", "25", "Bytes of a key: a number, or LEAST-MOST.", metavar="BYTES"),
    Option("value-size", "str", "100", "Bytes of a value: a number, or LEAST-MOST.", metavar="BYTES"),
    Option("get-percent", "int", 90, "Share of requests that are GET; the others are SET.", 0, 100),
    Option("zipf", "str", "0", "Exponent of a Zipf popularity of keys; 0 is uniform.", metavar="ALPHA"),
    Option("ttl", "str", "0", "Seconds a SET keeps: a number, or LEAST-MOST; 0 is for ever.", metavar="SECONDS"),
    Option("fill", "bool", False, "Follow each miss with a SET of its key."),
    Option("check", "bool", True, "Compare values with what was stored."),
    Option("prefill", "bool", True, "Store every key once before the run."),
    Option("trace", "str", None, "Replay this file instead: get each key, and set what is missed. Its first line is"
           " `key,size`, each other a key and its value's bytes, such as `page:17,2048`; .gz is unpacked.",
           metavar="FILE"),
    Option("seed", "int", 1, "Of everything that is drawn.", 0, 2**63),
    Option("json", "bool", False, "Print figures as JSON."),
    Option("hdr", "str", None, "Write latencies of GET and SET to this file, in HdrHistogram's text form.",
           metavar="FILE"),
)  # fmt: skip


def size_range(name: str, text: str) -> tuple[int, int]:
    """`25` or `20-40`."""
    low, dash, high = text.partition("-")
    if not low.isdecimal() or (dash and not high.isdecimal()):
        raise UsageError(f"--{name}: {text!r} is not allowed: expected a number, or LEAST-MOST")
    return int(low), int(high if dash else low)


def workload_of(values: Values) -> Workload:
    """The workload the options describe."""
    try:
        zipf = float(values["zipf"])
    except ValueError:
        raise UsageError(f"--zipf: {values['zipf']!r} is not allowed: expected a number from 0 to 5") from None
    return Workload(
        keys=values["keys"],
        key_size=size_range("key-size", values["key-size"]),
        value_size=size_range("value-size", values["value-size"]),
        get_share=values["get-percent"] / 100,
        zipf=zipf,
        ttl_s=size_range("ttl", values["ttl"]),
        fill=values["fill"],
        check=values["check"],
    )


def schedule_of(values: Values) -> Schedule:
    """The schedule the options describe."""
    return Schedule(
        pace=values["pace"] if values["rate"] else "closed",
        rate=values["rate"],
        duration_s=values["duration"],
        requests=values["requests"],
        warmup_s=values["warmup"],
    )
