"""What a chart shows, as plain data: static/charts.js draws it, in the page's colours.

    {"kind": "lines" | "stack" | "heat" | "curve", "unit": how numbers are said, "x": ..., "series": [...]}

Times are milliseconds since 1970.  A step without calls has no latency and leaves a gap; its rate is 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from whimbrel.hub.answers.shapes import Caches, EndpointView, Heat, MissCurve, Point, Span
from whimbrel.hub.views.formats import latency

Chart = Mapping[str, Any]
Values = Sequence[float | None]

LATENCIES = (("p50", "p50_ns"), ("p90", "p90_ns"), ("p99", "p99_ns"), ("p99.9", "p999_ns"))
HEAT_LABELS_MOST = 9
# What a stack is made of, from its bottom to what stands out on top, and in which colour.
ENDINGS = {
    "2xx": "2xx",
    "hit": "2xx",
    "stored": "2xx",
    "ok": "2xx",
    "3xx": "3xx",
    "1xx": "1xx",
    "miss": "3xx",
    "not_stored": "3xx",
    "unknown": "none",
    "4xx": "4xx",
    "error": "5xx",
    "5xx": "5xx",
    "none": "none",
}
ORDER = tuple(ENDINGS)


def chart(kind: str, unit: str, span: Span, starts: Sequence[int], series: Sequence[Mapping[str, Any]]) -> Chart:
    return {
        "kind": kind,
        "unit": unit,
        "step_ms": span.step_s * 1000,
        "range": [span.start * 1000, span.end * 1000],
        "x": [start * 1000 for start in starts],
        "series": list(series),
    }


def line(name: str, colour: str, values: Values) -> Mapping[str, Any]:
    return {"name": name, "colour": colour, "values": list(values)}


def starts_of(points: Sequence[Point]) -> list[int]:
    return [point.start for point in points]


def latencies(span: Span, points: Sequence[Point], names: Sequence[str] = ("p50", "p90", "p99", "p99.9")) -> Chart:
    series = [
        line(name, name, [getattr(point, attribute) for point in points])
        for name, attribute in LATENCIES
        if name in names
    ]
    return chart("lines", "ns", span, starts_of(points), series)


def outcomes(span: Span, points: Sequence[Point]) -> Chart:
    """Calls a second by how they ended; those without a response only where there are some."""
    failed = [point.errors + point.client_errors + point.no_response for point in points]
    ended = {
        ("succeeded", "2xx"): [point.calls - n for point, n in zip(points, failed, strict=True)],
        ("4xx", "4xx"): [point.client_errors for point in points],
        ("5xx", "5xx"): [point.errors for point in points],
        ("no response", "none"): [point.no_response for point in points],
    }
    series = [
        line(name, colour, a_second(points, calls))
        for (name, colour), calls in ended.items()
        if colour != "none" or any(calls)
    ]
    return chart("stack", "per_s", span, starts_of(points), series)


def a_second(points: Sequence[Point], calls: Sequence[int]) -> Values:
    """Some of the calls of each point as a rate: over the part of the step that agents told of, as the point's own."""
    return [point.per_s * n / point.calls if point.calls else 0.0 for point, n in zip(points, calls, strict=True)]


def rates(span: Span, points: Sequence[Point], name: str = "commands") -> Chart:
    return chart("stack", "per_s", span, starts_of(points), [line(name, "2xx", [point.per_s for point in points])])


def statuses(view: EndpointView) -> Chart:
    """Calls a second by class of status, of caches by outcome."""
    known = sorted(view.status_points, key=lambda name: ORDER.index(name) if name in ENDINGS else len(ORDER))
    series = [
        line(name.replace("_", " "), ENDINGS.get(name, "none"), a_second(view.points, view.status_points[name]))
        for name in known
    ]
    return chart("stack", "per_s", view.span, starts_of(view.points), series)


def heat(span: Span, of: Heat) -> Chart | None:
    """Calls by time and latency, only the rows that have any; None where there is nothing."""
    if not of.cells or len(of.bounds_ns) < 2:
        return None
    rows = [cell[1] for cell in of.cells]
    low, high = min(rows), max(rows)
    grid: list[list[int | None]] = [[None] * len(of.starts) for _ in range(low, high + 1)]
    for step, row, calls in of.cells:
        grid[row - low][step] = calls
    bounds = of.bounds_ns[low : high + 2]
    made = dict(chart("heat", "calls", span, of.starts, []))
    stride = -(-len(bounds) // HEAT_LABELS_MOST)
    ticks = list(range(0, len(bounds), stride))
    return made | {
        "grid": grid,
        "rows": [f"{latency(one)} to {latency(other)}" for one, other in itertools.pairwise(bounds)],
        "ticks": ticks,  # a bound stands between two rows
        "labels": [latency(bounds[tick]) for tick in ticks],
    }


def hits(of: Caches) -> Chart:
    return chart("lines", "share", of.span, starts_of(of.points), [line("hit ratio", "accent", of.hit_points)])


def curve(of: MissCurve) -> Chart:
    """Misses by memory; by keys where the size of values is not known."""
    by_bytes = bool(of.points) and all(point.bytes is not None for point in of.points)
    return {
        "kind": "curve",
        "unit": "share",
        "across": "bytes" if by_bytes else "items",
        "x": [point.bytes if by_bytes else point.items for point in of.points],
        "now": of.miss_share_now,
        "series": [line("miss ratio", "accent", [point.miss_share for point in of.points])],
    }
