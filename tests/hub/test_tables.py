"""SQL from tables: every level has the same columns, periods read each row once."""

import duckdb
import pytest

from whimbrel.hub import tables
from whimbrel.hub.tables import CALLERS_MOST, DAY_S, LEVELS, REUSE, TABLES, merged, period


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    for statement in tables.create():
        made.execute(statement)
    return made


def test_every_table_is_there_once_a_level(connection) -> None:
    for table in TABLES:
        for level in LEVELS:
            columns = [row[0] for row in connection.execute(f"DESCRIBE {table.name}_{level}").fetchall()]
            assert columns == list(table.columns())


@pytest.mark.parametrize(
    "start,end", [(0, 5 * DAY_S), (1, 3 * DAY_S + 5), (10, 20), (DAY_S - 1, DAY_S + 1), (0, DAY_S)]
)
@pytest.mark.parametrize("step", [DAY_S, 3600, 7 * DAY_S])
def test_a_period_reads_hours_or_their_day_never_both(connection, start: int, end: int, step: int) -> None:
    """An hour's row at each hour, and what a day holds of them in the day's."""
    hours = [(hour * 3600, 1) for hour in range(6 * 24)]
    connection.executemany("INSERT INTO reuse_1h (started, reads) VALUES (?, ?)", hours)
    connection.executemany("INSERT INTO reuse_1d (started, reads) VALUES (?, 24)", [(day * DAY_S,) for day in range(6)])
    connection.execute("INSERT INTO reuse_10s (started, reads) VALUES (15, 1000)")
    asked = f"SELECT SUM(reads) FROM ({period(REUSE, start, end, step)})"  # noqa: S608
    [(reads,)] = connection.execute(asked).fetchall()
    expected = sum(1 for hour, _ in hours if start <= hour < end) + 1000 * (start <= 15 < end)
    assert (reads or 0) == expected


def test_arrays_are_added_by_place(connection) -> None:
    connection.execute("""
        INSERT INTO reuse_10s (started, agent, reads, cold, share, distances_places, distances_counts)
        VALUES (0, 'a', 1, 1, 1.0, [1, 5], [1.5, 2]), (10, 'a', 2, 1, 0.5, [5, 2], [3, 4]), (0, 'b', 7, 0, 1, [], [])
    """)
    statement = merged(REUSE, period(REUSE, 0, 100), {"agent": "agent"}) + " ORDER BY agent"
    one, other = connection.execute(statement).fetchall()
    assert one[:4] == ("a", 3, 2.0, 0.5) and dict(zip(*one[4:], strict=True)) == {1: 1.5, 2: 4.0, 5: 5.0}
    assert other == ("b", 7, 0.0, 1.0, None, None)


def test_callers_beyond_the_busiest_become_one(connection) -> None:
    """When rows are rolled up; a question adds up what there is."""
    callers = [[f"caller:~{number:03}/private" for number in range(CALLERS_MOST + 6)], [*range(1, CALLERS_MOST + 7)]]
    others = [["caller:~000/private", "callers:more", "flag:unpaired"], [100, 7, 5]]
    for started, (places, counts) in ((0, callers), (10, others), (20, others)):
        connection.execute(
            "INSERT INTO calls_10s (started, endpoint, status, marks_places, marks_counts) VALUES (?, 1, 200, ?, ?)",
            [started, places, counts],
        )
    connection.execute(tables.folded(tables.CALLS, "10s", "1m", "TRUE", ["started"]))
    [(places, counts)] = connection.execute("SELECT marks_places, marks_counts FROM calls_1m").fetchall()
    kept = dict(zip(places, counts, strict=True))
    assert kept["caller:~000/private"] == 201 and kept["flag:unpaired"] == 10
    assert kept["callers:more"] == 14 + 2 + 3 + 4 + 5 + 6 + 7  # the six that called least
    assert sum(name.startswith("caller:") for name in kept) == CALLERS_MOST
    whole = merged(tables.CALLS, period(tables.CALLS, 0, 10), {"endpoint": "endpoint"}, ("marks",))
    [row] = connection.execute(f"SELECT len(marks_places) FROM ({whole})").fetchall()  # noqa: S608
    assert row == (CALLERS_MOST + 6 + 2,)


def test_sums_stop_before_they_wrap(connection) -> None:
    connection.executemany("INSERT INTO reuse_10s (started, agent, reads) VALUES (0, 'a', ?)", [[(1 << 63) - 1]] * 3)
    statement = merged(REUSE, period(REUSE, 0, 100), {"agent": "agent"}, ())
    assert connection.execute(statement).fetchall()[0][1] == tables.SUM_MOST
