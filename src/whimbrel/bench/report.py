"""What a run's counts and histograms mean, in words and as JSON.

A latency of a closed loop runs from composing the request to its reply's last byte; of an open loop from the
moment the request was due.  Requests that were never answered are in the latencies with the time they had
waited when the run gave up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from whimbrel.base.histogram import Histogram

if TYPE_CHECKING:
    from whimbrel.bench.client import Result

PERCENTS = (50.0, 90.0, 99.0, 99.9, 99.99)
LATE_NS = 100_000  # the generator's own lateness that would show in a p99 of a server on the same machine
LATE_PERCENT = 99.0


def percentiles_us(histogram: Histogram) -> dict[str, float]:
    """p50 ... p99.99 and max, in microseconds."""
    named = {f"p{percent:g}": histogram.percentile(percent) / 1000 for percent in PERCENTS}
    return {**named, "max": histogram.max_ns / 1000}


def both_ns(result: Result) -> Histogram:
    """Latencies of GET and SET together."""
    both = Histogram()
    both.merge(result["get_ns"])
    both.merge(result["set_ns"])
    return both


def figures(result: Result, *, open_loop: bool) -> dict[str, Any]:
    """Everything a run showed, ready for JSON."""
    elapsed_s = result["elapsed_ns"] / 1e9
    looked_up = result["hits"] + result["misses"]
    shown: dict[str, Any] = {
        "loop": "open" if open_loop else "closed",
        "latency": "from due to last byte parsed" if open_loop else "from composed to last byte parsed",
        "seconds": elapsed_s,
        "requests": result["requests"],
        "requests_per_s": result["requests"] / elapsed_s,
        "hits": result["hits"],
        "misses": result["misses"],
        "miss_ratio": result["misses"] / looked_up if looked_up else 0.0,
        "stored": result["stored"],
        "refused": result["refused"],
        "wrong_values": result["wrong"],
        "unanswered": result["unanswered"],
        "unsent": result["unsent"],
        "lost_connections": result["lost"],
        "bytes_out": result["bytes_out"],
        "bytes_in": result["bytes_in"],
        "all_us": percentiles_us(both_ns(result)),
    }
    for name, histogram in (("get_us", result["get_ns"]), ("set_us", result["set_ns"])):
        if histogram.count:
            shown[name] = percentiles_us(histogram)
    if not open_loop:  # an open loop's generator spins, so as not to be late
        shown["generator_cpu_share"] = result["client_cpu_ns"] / result["wall_ns"]
    else:
        shown["generator_late_us"] = percentiles_us(result["late_ns"])
        shown["generator_kept_up"] = kept_up(result)
    return shown


def kept_up(result: Result) -> bool:
    """Whether the generator sent what was due in time, connections permitting."""
    return result["late_ns"].percentile(LATE_PERCENT) <= LATE_NS


def troubles(shown: dict[str, Any]) -> list[str]:
    """What makes the figures doubtful, a sentence each."""
    found = []
    if shown.get("generator_kept_up") is False:
        found.append(
            f"the generator fell behind: 1 % of requests were sent {shown['generator_late_us']['p99']:.0f} us late"
            " or later by its own fault, and their latencies include it"
        )
    for name, what in (
        ("refused", "requests were answered with an error"),
        ("wrong_values", "values were not what was stored"),
        ("unanswered", "requests were never answered"),
        ("unsent", "requests were due and found no free connection"),
        ("lost_connections", "connections were lost"),
    ):
        if shown[name]:
            found.append(f"{shown[name]} {what}")
    return found


def text(shown: dict[str, Any]) -> str:
    """The figures for a person."""
    busy = f"; generator busy {shown['generator_cpu_share']:.0%}" if "generator_cpu_share" in shown else ""
    pace = f"{shown['requests_per_s']:,.0f} a second ({shown['loop']} loop{busy})"
    lines = [
        f"{shown['requests']} requests in {shown['seconds']:.2f} s: {pace}",
        f"hits {shown['hits']}, misses {shown['misses']} ({shown['miss_ratio']:.4f}), stored {shown['stored']}",
        f"latency in us, {shown['latency']}:",
        _row("", list(shown["all_us"])),
    ]
    rows = (("all", "all_us"), ("get", "get_us"), ("set", "set_us"), ("late", "generator_late_us"))
    for title, name in rows:
        if name in shown:
            lines.append(_row(title, [f"{value:,.1f}" for value in shown[name].values()]))
    lines += [f"note: {trouble}" for trouble in troubles(shown)]
    return "\n".join(lines)


def _row(name: str, cells: list[str]) -> str:
    return f"  {name:<6}" + "".join(f"{cell:>14}" for cell in cells)
