"""The rule by which rows merge (see hub.tables), for the few rows of one endpoint.

A database adds up many rows faster than we do, and takes longer to begin than we need for a thousand: what one page
shows of one endpoint is read once, and added up here in more than one way.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

from whimbrel.hub.tables import SUM_MOST, Table

Row = Mapping[str, Any]
K = TypeVar("K", bound=Hashable)

RANK_BITS = 5  # of a HyperLogLog register, behind its index


def summed(table: Table, rows: Iterable[Row], key: Callable[[Row], K]) -> dict[K, dict[str, Any]]:
    """One row for each key, without the columns that rows of a table differ in."""
    groups: dict[K, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return {place: _sum(table, of) for place, of in groups.items()}


def _sum(table: Table, rows: list[Row]) -> dict[str, Any]:
    made: dict[str, Any] = {name: min(sum(row[name] for row in rows), SUM_MOST) for name in table.sums}
    made |= {name: sum(row[name] for row in rows) for name in table.totals}
    for names, best in ((table.minima, min), (table.maxima, max)):
        for name in names:
            made[name] = best((row[name] for row in rows if row[name] is not None), default=None)
    for pairs in table.pairs:
        places, counts = f"{pairs.name}_places", f"{pairs.name}_counts"
        made[places], made[counts] = _together((row[places] or (), row[counts] or ()) for row in rows)
    for name in table.registers:
        made[name] = _united(row[name] or () for row in rows)
    return made


def _together(several: Iterable[tuple[Iterable[Any], Iterable[Any]]]) -> tuple[list[Any], list[Any]]:
    found: dict[Any, Any] = {}
    for places, counts in several:
        for place, count in zip(places, counts, strict=True):
            found[place] = found.get(place, 0) + count
    return list(found), list(found.values())


def _united(several: Iterable[Iterable[int]]) -> list[int]:
    """Of each index the highest."""
    best: dict[int, int] = {}
    for entries in several:
        for entry in entries:
            index = entry >> RANK_BITS
            if entry > best.get(index, -1):
                best[index] = entry
    return list(best.values())
