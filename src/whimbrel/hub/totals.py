"""Rows of calls added up by host and by protocol: what charts of everything are made of.

A thousand endpoints have a hundred thousand rows a day, and one line over all of them needs a few hundred.  So each
batch is added up once, when it comes, and the sums age as everything else does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from whimbrel.hub.tables import ALL_HOSTS, TOTALS, Pairs

Row = Mapping[str, Any]
Place = tuple[str, str, int]  # protocol, host, status


def totals_of(calls: Iterable[tuple[str, str, Row]]) -> list[dict[str, Any]]:
    """Of (protocol, host, row of `calls`); for each host, and for all together."""
    groups: dict[Place, list[Row]] = {}
    for protocol, host, row in calls:
        for name in (host, ALL_HOSTS):
            groups.setdefault((protocol, name, row["status"]), []).append(row)
    return [_total(place, rows) for place, rows in groups.items()]


def _total(place: Place, rows: list[Row]) -> dict[str, Any]:
    made: dict[str, Any] = dict(zip(TOTALS.keys, place, strict=True)) | {"started": rows[0]["started"]}
    made |= {name: sum(row[name] for row in rows) for name in (*TOTALS.sums, *TOTALS.totals)}
    for names, best in ((TOTALS.minima, min), (TOTALS.maxima, max)):
        for name in names:
            made[name] = best((row[name] for row in rows if row[name] is not None), default=None)
    for pairs in TOTALS.pairs:
        made |= _added(pairs, rows)
    return made


def _added(pairs: Pairs, rows: Iterable[Row]) -> dict[str, list[Any]]:
    counts: dict[Any, Any] = {}
    for row in rows:
        for place, count in zip(row[f"{pairs.name}_places"], row[f"{pairs.name}_counts"], strict=True):
            if not isinstance(place, str) or place.startswith(KEPT):
                counts[place] = counts.get(place, 0) + count
    return {f"{pairs.name}_places": list(counts), f"{pairs.name}_counts": list(counts.values())}


KEPT = ("outcome:",)  # of the marks: what a chart shows of caches
