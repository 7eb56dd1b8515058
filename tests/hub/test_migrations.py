"""An archive of the first version, made by hand, answers as it did."""

from pathlib import Path

import duckdb

from tests.hub.batches import NOON, batch, endpoint
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


def test_grids_that_came_between_are_filled(tmp_path: Path) -> None:
    """The third version is this one without them."""
    ever, day = Period(NOON - 9 * DAY, NOON + 60), Period(NOON - 3600, NOON)
    archive = DuckArchive(tmp_path / "a", clock=lambda: NOON)
    archive.load([batch(endpoint(1), start=NOON - at) for at in (20, 700, 710, 3000, 8000, DAY, 3 * DAY, 8 * DAY)])
    archive.fold(NOON)
    before = archive.statuses(ever), archive.points(day, 600)
    for table in tables.TABLES:
        for level in ("10m", "6h", "1w"):
            archive.connection.execute(f"DROP TABLE {table.name}_{level}")
    for name in ("reach", "gathered"):
        archive.connection.execute(f"DELETE FROM {name} WHERE level IN ('10m', '6h', '1w')")  # noqa: S608
    archive.connection.execute(f"DELETE FROM gathered WHERE level = '1d' AND span = {7 * DAY}")  # noqa: S608
    archive.connection.execute("UPDATE meta SET amount = 3 WHERE name = 'version'")
    archive.close()
    archive = DuckArchive(tmp_path / "a", clock=lambda: NOON)
    for _ in range(2):
        assert (archive.statuses(ever), archive.points(day, 600)) == before
        archive.fold(NOON)
    late = batch(endpoint(1), start=NOON - 8 * DAY + 60)
    archive.load([late])
    archive.fold(NOON)
    end = (NOON - 3600) // DAY * DAY // (7 * DAY) * (7 * DAY)
    sums = {level: archive.all(f"SELECT SUM(calls) FROM calls_{level} WHERE started < {end}") for level in  # noqa: S608
            ("1h", "6h", "1d", "1w")}  # fmt: skip
    assert len(set(map(tuple, sums.values()))) == 1 and sums["1w"][0][0] >= 2
    archive.close()
