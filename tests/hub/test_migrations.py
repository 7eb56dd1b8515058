"""An archive of the first version, made by hand, answers as it did."""

from pathlib import Path

import duckdb

from tests.hub.batches import NOON
from whimbrel.hub import migrations, tables
from whimbrel.hub.archive import Period
from whimbrel.hub.duck import DuckArchive

DAY = tables.DAY_S
LATER = {"calls": {"opened", "closed"}, "agents": {"cpu_ns", "resident_bytes", "program"}}
NEW_TABLES = {"reach", "gathered"}
NUMBERS = {*tables.CALLS.sums, *tables.CALLS.totals, *tables.CALLS.minima, *tables.CALLS.maxima}
A = f"{1:016x}"


def first_version(path: Path) -> None:
    """Windows of the last hours, minutes since yesterday, and before that hours and their day."""
    with duckdb.connect(str(path)) as connection:
        for name, columns in tables.PLAIN.items():
            if name not in NEW_TABLES:
                connection.execute(tables.created(name, columns))
        for table in (tables.CALLS, tables.EDGES, tables.AGENTS, tables.REUSE):
            old = {name: kind for name, kind in table.columns().items() if name not in LATER.get(table.name, ())}
            for level in migrations.LEVELS:
                connection.execute(tables.created(f"{table.name}_{level}", old))
        connection.execute("INSERT INTO meta VALUES ('version', 1)")
        connection.execute("INSERT INTO endpoints VALUES (1, 'http', 'GET', 'shop', '/1', 'one', 0)")
        at = {"10s": [NOON - 3600], "1m": [NOON - 7260, NOON - DAY], "1h": [NOON - 3 * DAY, NOON - 3 * DAY + 3600]}
        for level, times in (at | {"1d": [(NOON - 3 * DAY) // DAY * DAY]}).items():
            for started in times:
                calls = 2 if level == "1d" else 1
                row: dict[str, object] = dict.fromkeys(NUMBERS - LATER["calls"], 0)
                row |= {"started": started, "endpoint": 1, "status": 200}
                row |= {
                    "calls": calls,
                    "seen": calls,
                    "last_count": calls,
                    "last_places": [200],
                    "last_counts": [calls],
                }
                marks = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO calls_{level} ({', '.join(row)}) VALUES ({marks})", [*row.values()])  # noqa: S608
            connection.execute(
                f"INSERT INTO agents_{level} (started, agent, batches, opened, closed, sample, version) "  # noqa: S608
                "VALUES (?, 'one', 1, ?, ?, 1, 1)",
                [times[0], times[0], times[0] + 10],
            )


def test_the_first_version_becomes_this_one(tmp_path: Path) -> None:
    first_version(tmp_path / "a")
    archive = DuckArchive(tmp_path / "a", clock=lambda: NOON)
    ever = Period(NOON - 5 * DAY, NOON)
    for _ in range(2):
        [status] = archive.statuses(ever)
        assert (status.endpoint, status.calls, status.last.buckets) == (A, 5, {200: 5})
        [[total]] = archive.hosts(ever).values()
        assert (total.calls, total.last.buckets) == (5, {200: 5})
        everything = archive.traffic(ever, DAY, ["http"])
        assert sum(point.calls for point in everything) == 5
        [found] = archive.endpoints(ever)
        assert found.last == NOON - 3600
        [agent] = archive.agents(ever)
        assert (agent.batches, agent.program, agent.cpu_ns) == (3, "", 0)
        assert sum(point.calls for point in archive.points(Period(NOON - DAY, NOON), 600)) == 3
        archive.fold(NOON)
    archive.close()
