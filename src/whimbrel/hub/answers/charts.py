"""Lines over time: every step of a period has its point, also where nothing happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from whimbrel.hub.answers.asked import Asked
from whimbrel.hub.answers.measures import percentiles, tally
from whimbrel.hub.answers.shapes import Point
from whimbrel.hub.archive import Period, StatusRow

Steps = Mapping[int, Sequence[StatusRow]]


def by_step(rows: Iterable[StatusRow]) -> dict[int, list[StatusRow]]:
    found: dict[int, list[StatusRow]] = {}
    for row in rows:
        found.setdefault(row.start, []).append(row)
    return found


def points(asked: Asked, rows: Iterable[StatusRow], protocol: str, told: Period) -> list[Point]:
    """Of rows by step and status; rates are over the part of each step that agents told of."""
    steps = by_step(rows)
    return [
        point(steps.get(start, ()), start, protocol, overlap_s(start, asked.step_s, told)) for start in asked.starts()
    ]


def point(rows: Iterable[StatusRow], start: int, protocol: str, length_s: int) -> Point:
    numbers = tally(rows, protocol)
    p50, p90, p99, p999 = percentiles(numbers.last, 50, 90, 99, 99.9)
    return Point(
        start=start,
        calls=numbers.calls,
        per_s=numbers.calls / length_s,
        errors=numbers.errors,
        client_errors=numbers.client_errors,
        no_response=numbers.no_response,
        p50_ns=p50,
        p90_ns=p90,
        p99_ns=p99,
        p999_ns=p999,
    )


def overlap_s(start: int, step_s: int, told: Period) -> int:
    """How much of a step is in a period; the whole step where nothing is."""
    length = min(start + step_s, told.end) - max(start, told.start)
    return length if length > 0 else step_s
