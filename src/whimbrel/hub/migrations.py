"""Archives of earlier versions made archives of this one.

Each step is the SQL from one version to the next; hub.duck.prepare runs it whole or not at all.
"""

from __future__ import annotations

from whimbrel.hub.tables import (
    AGENTS,
    ALL_HOSTS,
    CALLS,
    DAY_S,
    EDGES,
    NEW,
    PLAIN,
    REUSE,
    SPANS_S,
    TABLES,
    TOTALS,
    beginnings,
    created,
    merged,
)

# Of the versions before the fourth.
LEVELS = ("10s", "1m", "1h", "1d")


def _columns(name: str, *columns: str) -> list[str]:
    """Columns come at the end of their table."""
    return [f"ALTER TABLE {name} ADD COLUMN {column}" for column in columns]


def _told_agents() -> list[str]:
    """Version 2: an agent's program, and what it costs."""
    new = "cpu_ns BIGINT DEFAULT 0", "resident_bytes DOUBLE DEFAULT 0", "program VARCHAR DEFAULT ''"
    return [statement for level in LEVELS for statement in _columns(f"agents_{level}", *new)]


def _grids() -> list[str]:
    """Version 3: every level a grid of its own, where each row was on one; minutes come again, as if they were late."""
    days = f"(SELECT COALESCE(MAX(started) // {DAY_S} + 1, 0) * {DAY_S} FROM calls_1h)"  # noqa: S608 - our words
    made = []
    for table in (CALLS, EDGES, AGENTS, REUSE):
        columns = ", ".join(table.columns())
        made += [f"ALTER TABLE {table.name}_10s RENAME TO {table.name}_{NEW}"]
        if table is CALLS:
            for level in (NEW, *LEVELS[1:]):
                made += _columns(f"calls_{level}", "opened DOUBLE", "closed DOUBLE")
                made += [f"UPDATE calls_{level} SET opened = started, closed = started"]  # noqa: S608
        made += [
            created(f"{table.name}_10s", table.columns()),
            f"INSERT INTO {table.name}_{NEW} ({columns}) SELECT {columns} FROM {table.name}_1m",  # noqa: S608
            f"DELETE FROM {table.name}_1m",  # noqa: S608
        ]
    made += [created(f"totals_{level}", TOTALS.columns()) for level in (NEW, *LEVELS)]
    made += [created(name, PLAIN[name]) for name in ("reach", "gathered")]
    for level in (NEW, "1h", "1d"):
        made += [_totals(level, "e.host"), _totals(level, f"'{ALL_HOSTS}'")]
    made += beginnings(LEVELS)
    for end, levels in (("since", "'10s', '1m'"), ("until", "'1h', '1d'")):
        made += [f"UPDATE reach SET {end} = {days} WHERE {end} = 0 AND level IN ({levels})"]  # noqa: S608
    return made


def _more_grids() -> list[str]:
    """Version 4: grids between those there were; the coarse ones are filled by the next round of ageing."""
    later = "10m", "6h", "1w"
    made = [created(f"{table.name}_{level}", table.columns()) for table in TABLES for level in later]
    made += beginnings(later)
    missing = f"NOT EXISTS (SELECT 1 FROM gathered WHERE level = '1d' AND span = {7 * DAY_S})"  # noqa: S608
    made += [f"INSERT INTO gathered SELECT DISTINCT name, '1d', {7 * DAY_S}, 0 FROM reach WHERE {missing}"]  # noqa: S608
    for table in TABLES:  # hours are made of ten minutes from here on
        of = f"name = '{table.name}' AND level"
        hours = f"(SELECT until FROM reach WHERE {of} = '1h')"  # noqa: S608 - our words
        columns, span = ", ".join(table.columns()), SPANS_S["10m"]
        source = f"SELECT {columns} FROM {table.name}_1m WHERE started >= {hours}"  # noqa: S608
        keys = {"started": f"started // {span} * {span}", **{key: key for key in table.keys}}
        made += [
            f"INSERT INTO {table.name}_10m ({columns}) SELECT {columns} FROM ({merged(table, source, keys)}) AS m",  # noqa: S608
            f"UPDATE reach SET since = {hours} WHERE {of} = '10m'",  # noqa: S608
        ]
    return made


def _totals(level: str, host: str) -> str:
    """Of the calls that are there."""
    rest = ", ".join(f"c.{column}" for column in TOTALS.columns() if column not in ("protocol", "host"))
    words = "SELECT endpoint, MIN(protocol) AS protocol, MIN(host) AS host FROM endpoints GROUP BY endpoint"  # ~ last
    source = f"SELECT {rest}, e.protocol, {host} AS host FROM calls_{level} AS c JOIN ({words}) AS e USING (endpoint)"  # noqa: S608
    columns = ", ".join(TOTALS.columns())
    rows = merged(TOTALS, source, {key: key for key in ("started", *TOTALS.keys)})
    return f"INSERT INTO totals_{level} ({columns}) SELECT {columns} FROM ({rows}) AS m"  # noqa: S608


# SQL that makes a file of version n one of n + 1.  Version 1 is the first.
MIGRATIONS: dict[int, tuple[str, ...]] = {1: tuple(_told_agents()), 2: tuple(_grids()), 3: tuple(_more_grids())}
