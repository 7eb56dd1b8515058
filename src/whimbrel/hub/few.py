"""Rows of few endpoints, added up here and not by the database.

A grid that fits a chart's steps has one row for each of them, and nothing needs adding; of a whole period there are a
few dozen.  To plan a statement that explodes and groups their arrays would take longer than to read them.

Deliberately the same rule as hub.tables.merged, from the same Table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from whimbrel.hub.tables import SUM_MOST, Table

FEW = 8  # endpoints: one has an id for each agent that sees it

Row = Mapping[str, Any]


def columns(table: Table, arrays: Iterable[str]) -> list[str]:
    """All but the arrays that nobody asked for."""
    left_out = {pairs.name for pairs in table.pairs} | {*table.registers}
    left_out -= {*arrays}
    names = {f"{name}_{what}" for name in left_out for what in ("places", "counts")} | left_out
    return [name for name in table.columns() if name not in names]


def together(table: Table, rows: Iterable[Row], keys: Sequence[str]) -> list[Row]:
    """One row for each value of `keys`, in their order."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return [of[0] if len(of) == 1 else {**dict(zip(keys, key, strict=True)), **_one(table, of)}
            for key, of in sorted(groups.items(), key=lambda item: item[0])]  # fmt: skip


def _one(table: Table, rows: Sequence[Row]) -> dict[str, Any]:
    made: dict[str, Any] = {name: min(sum(row[name] for row in rows), SUM_MOST) for name in table.sums}
    made |= {name: sum(row[name] for row in rows) for name in table.totals}
    for names, best in ((table.minima, min), (table.maxima, max)):
        for name in names:
            made[name] = best((row[name] for row in rows if row[name] is not None), default=None)
    for pairs in table.pairs:
        if f"{pairs.name}_places" in rows[0]:
            counts = _added(pairs.name, rows)
            made |= {f"{pairs.name}_places": list(counts), f"{pairs.name}_counts": list(counts.values())}
    return made | {name: _united(name, rows) for name in table.registers if name in rows[0]}


def _added(name: str, rows: Iterable[Row]) -> dict[Any, Any]:
    places, counts = f"{name}_places", f"{name}_counts"
    found: dict[Any, Any] = {}
    for row in rows:
        if not found:
            found = dict(zip(row[places] or (), row[counts] or (), strict=True))
            continue
        for place, count in zip(row[places] or (), row[counts] or (), strict=True):
            found[place] = found[place] + count if place in found else count
    return found


def _united(name: str, rows: Iterable[Row]) -> list[int]:
    """HyperLogLog registers: of each index the highest."""
    best: dict[int, int] = {}
    for row in rows:
        for entry in row[name] or ():
            best[entry >> 5] = max(best.get(entry >> 5, 0), entry)
    return list(best.values())
