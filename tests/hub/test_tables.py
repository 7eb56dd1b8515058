"""SQL from tables: every level has the same columns, periods read each row once."""

import duckdb
import pytest

from whimbrel.hub import tables
from whimbrel.hub.tables import (
    CALLERS_MOST,
    DAY_S,
    EVER,
    LEVELS,
    NEW,
    REUSE,
    SPANS_S,
    TABLES,
    Piece,
    Reach,
    gathered,
    merged,
    period,
    pieces,
)

FRESH = {level: Reach() for level in LEVELS}
# Windows of two hours, minutes of two days; it is 01:30 of the sixth day.
LATER = {
    "10s": Reach(5 * DAY_S - 3600, EVER),
    "1m": Reach(3 * DAY_S, EVER),
    "10m": Reach(3 * DAY_S, EVER),
    "1h": Reach(0, 5 * DAY_S + 3600),
    "6h": Reach(0, 5 * DAY_S),
    "1d": Reach(0, 5 * DAY_S),
    "1w": Reach(0, 0),
}
# What was kept of hours ends within a week.
CUT = {
    "10s": Reach(16 * DAY_S, EVER),
    "1m": Reach(15 * DAY_S, EVER),
    "10m": Reach(15 * DAY_S, EVER),
    "1h": Reach(3 * DAY_S, 16 * DAY_S + 3600),
    "6h": Reach(3 * DAY_S, 16 * DAY_S),
    "1d": Reach(3 * DAY_S, 16 * DAY_S),
    "1w": Reach(7 * DAY_S, 14 * DAY_S),
}


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    for statement in tables.create():
        made.execute(statement)
    return made


def test_every_table_is_there_once_a_level(connection) -> None:
    for table in TABLES:
        for level in (NEW, *LEVELS):
            columns = [row[0] for row in connection.execute(f"DESCRIBE {table.name}_{level}").fetchall()]
            assert columns == list(table.columns())


@pytest.mark.parametrize(
    ("start", "end"), [(0, 5 * DAY_S + 5400), (1, 4 * DAY_S + 5), (10, 20), (DAY_S - 1, 15 * DAY_S + 1)]
)
@pytest.mark.parametrize("step", [10, 600, 3600, DAY_S, 7 * DAY_S])
@pytest.mark.parametrize("reaches", [FRESH, LATER, CUT])
def test_a_period_is_covered_once_by_what_there_is(reaches, start: int, end: int, step: int) -> None:
    found = sorted(pieces(start, end, step, reaches), key=lambda piece: piece.start)
    assert [piece.start for piece in found] == [start, *(piece.end for piece in found[:-1])] and found[-1].end == end
    for piece in found:
        reach = reaches[piece.level]
        assert piece.end <= reach.until and (piece.end > reach.since or piece.level in ("1h", "1w"))
        exact = piece.start >= reach.since and step % SPANS_S[piece.level] == 0
        finer = LEVELS[: LEVELS.index(piece.level)]
        assert exact or not finer or all(reaches[level].since >= piece.end for level in finer)


def test_long_steps_read_few_rows() -> None:
    assert pieces(0, 5 * DAY_S + 3600, DAY_S, LATER) == [
        Piece("1d", 0, 5 * DAY_S), Piece("1h", 5 * DAY_S, 5 * DAY_S + 3600),
    ]  # fmt: skip
    assert pieces(5 * DAY_S, 5 * DAY_S + 6000, 600, LATER) == [Piece("10m", 5 * DAY_S, 5 * DAY_S + 6000)]
    assert pieces(5 * DAY_S, 5 * DAY_S + 30, 10, LATER) == [Piece("10s", 5 * DAY_S, 5 * DAY_S + 30)]
    assert pieces(4 * DAY_S, 4 * DAY_S + 30, 10, LATER) == [Piece("1m", 4 * DAY_S, 4 * DAY_S + 30)]


def test_a_period_reads_each_row_once(connection) -> None:
    """At every span of every grid one row, that says how many windows it is of."""
    for level, span in SPANS_S.items():
        rows = [(at, span // 10) for at in range(LATER[level].since, min(LATER[level].until, 5 * DAY_S + 5400), span)]
        if rows:
            connection.executemany(f"INSERT INTO reuse_{level} (started, reads) VALUES (?, ?)", rows[:20] + rows[-20:])  # noqa: S608
    connection.execute("INSERT INTO reuse_new (started, reads) VALUES (5, 1000)")
    asked = f"SELECT SUM(reads) FROM ({period(REUSE, 0, 4 * 3600, DAY_S, LATER)})"  # noqa: S608
    assert connection.execute(asked).fetchall() == [(4 * 360 + 1000,)]


def test_gathering_loses_nothing(connection) -> None:
    rows = [(at, agent, at + 1) for at in (30, 10, 20) for agent in "ab"]
    connection.executemany("INSERT INTO reuse_1h (started, agent, reads) VALUES (?, ?, ?)", rows)
    for statement in gathered(REUSE, "1h", "started < 30"):
        connection.execute(statement)
    found = connection.execute("SELECT agent, started, reads FROM reuse_1h").fetchall()
    assert sorted(found) == sorted((agent, at, reads) for at, agent, reads in rows)
    assert found[-4:] == [("a", 10, 11), ("a", 20, 21), ("b", 10, 11), ("b", 20, 21)]


def test_arrays_are_added_by_place(connection) -> None:
    connection.execute("""
        INSERT INTO reuse_new (started, agent, reads, cold, share, distances_places, distances_counts)
        VALUES (0, 'a', 1, 1, 1.0, [1, 5], [1.5, 2]), (10, 'a', 2, 1, 0.5, [5, 2], [3, 4]), (0, 'b', 7, 0, 1, [], [])
    """)
    statement = merged(REUSE, period(REUSE, 0, 100, DAY_S, FRESH), {"agent": "agent"}) + " ORDER BY agent"
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
    connection.execute(tables.folded(tables.CALLS, "10s", "1m", "TRUE"))
    [(places, counts)] = connection.execute("SELECT marks_places, marks_counts FROM calls_1m").fetchall()
    kept = dict(zip(places, counts, strict=True))
    assert kept["caller:~000/private"] == 201 and kept["flag:unpaired"] == 10
    assert kept["callers:more"] == 14 + 2 + 3 + 4 + 5 + 6 + 7  # the six that called least
    assert sum(name.startswith("caller:") for name in kept) == CALLERS_MOST
    both = "SELECT * FROM calls_10s WHERE started < 10 UNION ALL SELECT * FROM calls_1m"
    whole = merged(tables.CALLS, both, {"endpoint": "endpoint"}, ("marks",))
    [row] = connection.execute(f"SELECT len(marks_places) FROM ({whole})").fetchall()  # noqa: S608
    assert row == (CALLERS_MOST + 6 + 2,)


def test_sums_stop_before_they_wrap(connection) -> None:
    connection.executemany("INSERT INTO reuse_new (started, agent, reads) VALUES (0, 'a', ?)", [[(1 << 63) - 1]] * 3)
    statement = merged(REUSE, period(REUSE, 0, 100, DAY_S, FRESH), {"agent": "agent"}, ())
    assert connection.execute(statement).fetchall()[0][1] == tables.SUM_MOST
