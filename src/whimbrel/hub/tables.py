"""The archive's tables as data, and the SQL that is made of them.

    calls     started endpoint status | sums, minima, maxima | first, last, marks, clients as arrays
    totals    the same by protocol and host      edges   started client server ...      agents ...      reuse ...

Each of these exists eight times.  What comes is in _new, as it came.  What has settled is in all of the others, each a
grid of its own, kept the longer the coarser it is; so a question reads the coarsest that serves it, and never many
rows where few say the same:

    _new -> _10s, _1m and _10m at once -> _1h when the hour is over -> _6h -> _1d -> _1w

A grid is six to ten times as coarse as the one before, so that a chart of a hundred steps reads a few hundred rows.

Where a grid begins and ends is in `reach`.  A row of a grid is either there by then, or its time is outside of it:
what arrives late is added to every grid that has reached its time.

Every table merges by one rule: rows with the same keys become one, sums are added, minima and maxima taken, arrays
exploded into (place, n), added by place and put together again.  Roll-up, a period, a step of a chart: all are
`merged` with other keys.  In ClickHouse `unnest` is `ARRAY JOIN`, and the rest is the same.

`started` is the window's start in seconds.  Numbers in this SQL are ours or checked integers; text is bound.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

DAY_S = 86_400
NEW = "new"
SPANS_S = {"10s": 10, "1m": 60, "10m": 600, "1h": 3600, "6h": 21_600, "1d": DAY_S, "1w": 7 * DAY_S}
LEVELS = tuple(SPANS_S)
CLIMBED = (("10m", "1h"), ("1h", "6h"), ("6h", "1d"), ("1d", "1w"))  # grid to grid, when a coarser one's span is over
# A grid's rows in blocks of this length are put in the order of their keys once the block is over: a question for one
# endpoint then reads few blocks of the file, and not a little of each.
GATHERED_S = (
    ("10m", 21_600), ("1h", DAY_S), ("1h", 7 * DAY_S), ("6h", DAY_S), ("6h", 7 * DAY_S), ("1d", 7 * DAY_S),
    ("1d", 28 * DAY_S),
)  # fmt: skip
EVER = 1 << 62  # the end of a grid that has everything which is not new
SUM_MOST = 1 << 62  # where a sum stops: what was rolled up must fit a column, whatever an agent claimed
CALLERS_MOST = 64  # of a row that is rolled up: an agent tells 8 in ten seconds, and a month may bring thousands

VERSION = 4


@dataclass(frozen=True, slots=True)
class Crowd:
    """Of places that begin with `prefix` the largest `most` stay when rows are rolled up, the others become `rest`."""

    prefix: str
    most: int
    rest: str


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two arrays, in SQL `name`_places and `name`_counts."""

    name: str
    place: str = "INTEGER"
    count: str = "BIGINT"
    crowd: Crowd | None = None


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    keys: Mapping[str, str]
    sums: tuple[str, ...] = ()  # BIGINT
    totals: tuple[str, ...] = ()  # DOUBLE: they may pass 2^63
    minima: tuple[str, ...] = ()
    maxima: tuple[str, ...] = ()
    pairs: tuple[Pairs, ...] = ()
    registers: tuple[str, ...] = ()  # INTEGER[]: index << 5 | rank
    newest: tuple[str, ...] = ()  # VARCHAR, of the row whose `closed` is the largest

    def columns(self) -> dict[str, str]:
        """Names and types, in order."""
        made = {"started": "BIGINT", **self.keys}
        made |= dict.fromkeys(self.sums, "BIGINT") | dict.fromkeys(self.totals, "DOUBLE")
        made |= dict.fromkeys((*self.minima, *self.maxima), "DOUBLE") | dict.fromkeys(self.newest, "VARCHAR")
        for pairs in self.pairs:
            made |= {f"{pairs.name}_places": f"{pairs.place}[]", f"{pairs.name}_counts": f"{pairs.count}[]"}
        return made | dict.fromkeys(self.registers, "INTEGER[]")


CALLERS = Crowd("caller:", CALLERS_MOST, "callers:more")
CALLS = Table(
    "calls",
    {"endpoint": "UBIGINT", "status": "INTEGER"},
    ("calls", "seen", *(f"{w}_{what}" for w in ("first", "last") for what in ("count", "overflow", "unplaced"))),
    ("first_sum", "last_sum", "request_sum", "response_sum"),
    ("first_min", "last_min", "request_min", "response_min", "opened"),
    ("first_max", "last_max", "request_max", "response_max", "sample", "closed"),
    (Pairs("first"), Pairs("last"), Pairs("marks", place="VARCHAR", crowd=CALLERS)),
    ("clients",),
)
ALL_HOSTS = "*"  # the row of a protocol beside those of its hosts
TOTALS = Table(
    "totals",
    {"protocol": "VARCHAR", "host": "VARCHAR", "status": "INTEGER"},
    ("calls", "seen", *(f"last_{what}" for what in ("count", "overflow", "unplaced"))),
    ("last_sum", "request_sum", "response_sum"),
    ("last_min", "request_min", "response_min"),
    ("last_max", "request_max", "response_max", "sample"),
    (Pairs("last"), Pairs("marks", place="VARCHAR")),
)
EDGE_KEYS = ("client", "client_class", "server", "server_class", "port", "protocol", "version", "name", "alpn")
EDGES = Table(
    "edges",
    {key: "INTEGER" if key == "port" else "VARCHAR" for key in EDGE_KEYS},
    ("calls", "flows", "handshakes"),
    ("request_bytes", "response_bytes", "flow_bytes"),
)
AGENTS = Table(
    "agents",
    {"agent": "VARCHAR"},
    ("batches", "lost_batches", "lost_calls", "cpu_ns"),
    minima=("opened",),
    maxima=("closed", "sample", "version", "resident_bytes"),
    newest=("program",),
    pairs=(Pairs("counts", place="VARCHAR"),),
)
REUSE = Table(
    "reuse",
    {"agent": "VARCHAR", "server": "VARCHAR", "port": "INTEGER", "protocol": "VARCHAR"},
    ("reads",),
    ("cold",),
    minima=("share",),
    pairs=(Pairs("distances", count="DOUBLE"),),
)
TABLES = (CALLS, TOTALS, EDGES, AGENTS, REUSE)

# What is kept once, not once a window.
PLAIN: dict[str, dict[str, str]] = {
    "meta": {"name": "VARCHAR", "amount": "BIGINT"},
    "reach": {"name": "VARCHAR", "level": "VARCHAR", "since": "BIGINT", "until": "BIGINT"},
    "gathered": {"name": "VARCHAR", "level": "VARCHAR", "span": "BIGINT", "until": "BIGINT"},
    "batches": {"id": "VARCHAR", "agent": "VARCHAR", "started": "BIGINT", "received": "BIGINT"},
    "endpoints": {
        "endpoint": "UBIGINT", "protocol": "VARCHAR", "method": "VARCHAR", "host": "VARCHAR", "template": "VARCHAR",
        "agent": "VARCHAR", "started": "BIGINT",
    },
    "auths": {"endpoint": "UBIGINT", "kind": "VARCHAR"},
    "schemas": {
        "endpoint": "UBIGINT", "part": "VARCHAR", "status": "INTEGER", "started": "BIGINT", "document": "VARCHAR",
    },
    "aliases": {"endpoint": "UBIGINT", "became": "UBIGINT"},
    "roots": {"endpoint": "UBIGINT", "root": "UBIGINT"},
}  # fmt: skip
# Rows that differ in these are different; others with the same are not kept again.
ONCE = {
    "endpoints": ("endpoint", "method", "host", "template"),  # names become known: its words are told anew
    "auths": ("endpoint", "kind"),
    "aliases": ("endpoint", "became"),
}
ALL_COLUMNS: dict[str, dict[str, str]] = PLAIN | {f"{table.name}_{NEW}": table.columns() for table in TABLES}


def create() -> list[str]:
    """Statements that make an empty archive."""
    tables = PLAIN | {f"{table.name}_{level}": table.columns() for table in TABLES for level in (NEW, *LEVELS)}
    made = [created(name, columns) for name, columns in tables.items()]
    return [*made, *beginnings(), f"INSERT INTO meta VALUES ('version', {VERSION})"]  # noqa: S608


def created(name: str, columns: Mapping[str, str]) -> str:
    return f"CREATE TABLE {name} ({', '.join(f'{column} {kind}' for column, kind in columns.items())})"


def beginnings(levels: Sequence[str] = LEVELS) -> list[str]:
    """What grids of an empty archive reach."""
    coarse = dict(CLIMBED).values()
    reach = [(table.name, level, 0, 0 if level in coarse else EVER) for table in TABLES for level in levels]
    done = [(table.name, level, span, 0) for table in TABLES for level, span in GATHERED_S if level in levels]
    return [
        f"INSERT INTO {name} VALUES {', '.join(map(str, rows))}"  # noqa: S608 - our words
        for name, rows in (("reach", reach), ("gathered", done))
    ]


def insert(name: str) -> str:
    """Rows given as one JSON array: binding lists of lists costs the driver a thousand times more."""
    columns = ALL_COLUMNS[name]
    shape = ", ".join(f'"{column}": "{kind}"' for column, kind in columns.items())
    fields = ", ".join(f"r.{column}" for column in columns)
    source = f"SELECT {fields} FROM (SELECT unnest(from_json(?::JSON, '[{{{shape}}}]')) AS r)"  # noqa: S608
    if name in ONCE:
        same = " AND ".join(f"t.{key} = r.{key}" for key in ONCE[name])
        source += f" WHERE NOT EXISTS (SELECT 1 FROM {name} t WHERE {same})"  # noqa: S608
    return f"INSERT INTO {name} ({', '.join(columns)}) {source}"


@dataclass(frozen=True, slots=True)
class Reach:
    """What a grid holds: everything of [since, until) that is not new."""

    since: int = 0
    until: int = EVER

    def meets(self, start: int, end: int) -> bool:
        return self.since < end and start < self.until

    def holds(self) -> str:
        return f"started >= {self.since} AND started < {self.until}"


Reaches = Mapping[str, Reach]  # by level


def pieces(start: int, end: int, step: int, reaches: Reaches, levels: Sequence[str] = LEVELS) -> list[Piece]:
    """[start, end) in parts, each to be read from the coarsest grid that has it and that serves such steps."""
    if start >= end:
        return []
    *finer, level = levels
    span, low, high = SPANS_S[level], start, start
    if step % span == 0:
        low = -(-max(start, reaches[level].since) // span) * span  # of what was cut off, finer rows have the rest
        high = min(end // span * span, reaches[level].until)
        low, high = (low, high) if low < high else (start, start)
    found = [Piece(level, low, high)]
    for first, last in ((start, low), (high, end)):
        kept = min(reaches[finer[-1]].since, last) if finer else last  # before that there is nothing finer
        found.append(Piece(level, first, max(kept, first)))
        found += pieces(max(kept, first), last, step, reaches, finer) if finer else []
    return [piece for piece in found if piece.start < piece.end]


@dataclass(frozen=True, slots=True)
class Piece:
    level: str
    start: int
    end: int


def period(table: Table, start: int, end: int, step: int, reaches: Reaches, columns: Sequence[str] = ()) -> str:
    """A relation with the rows of [start, end), from as few as serve steps of `step` seconds."""
    wanted = ", ".join(columns or table.columns())
    ranges: dict[str, list[str]] = {NEW: [f"started >= {start} AND started < {end}"]}
    for piece in pieces(start, end, step, reaches):
        ranges.setdefault(piece.level, []).append(f"started >= {piece.start} AND started < {piece.end}")
    return " UNION ALL ".join(
        f"SELECT {wanted} FROM {table.name}_{level} WHERE {' OR '.join(f'({one})' for one in of)}"  # noqa: S608
        for level, of in ranges.items()
    )


def scalars(table: Table) -> list[str]:
    """Each number's rule."""
    return [
        *(f"CAST(LEAST(SUM({name}), {SUM_MOST}) AS BIGINT) AS {name}" for name in table.sums),
        *(f"SUM({name}) AS {name}" for name in table.totals),
        *(f"MIN({name}) AS {name}" for name in table.minima),
        *(f"MAX({name}) AS {name}" for name in table.maxima),
        *(f"ARG_MAX({name}, closed) AS {name}" for name in table.newest),
    ]


def merged(
    table: Table, source: str, keys: Mapping[str, str], arrays: Collection[str] | None = None, *, thinned: bool = False
) -> str:
    """One row for each value of `keys` ({name: expression}), with the scalars and the `arrays` asked for (all)."""
    names = ", ".join(keys)
    rest = [column for column in table.columns() if column not in keys]
    chosen = ", ".join([*(f"{expression} AS {name}" for name, expression in keys.items()), *rest])
    parts = [f"source AS (SELECT {chosen} FROM ({source}) AS s)"]  # noqa: S608
    numbers = ", ".join([names, *scalars(table)])
    parts.append(f"numbers AS (SELECT {numbers} FROM source GROUP BY {names})")  # noqa: S608
    columns, joins = [*keys, *table.sums, *table.totals, *table.minima, *table.maxima, *table.newest], "numbers"
    for pairs in table.pairs:
        if arrays is None or pairs.name in arrays:
            parts.append(together(pairs, names, thinned=thinned))
            columns += [f"{pairs.name}_places", f"{pairs.name}_counts"]
            joins += f" LEFT JOIN {pairs.name}_merged USING ({names})"
    for name in table.registers:
        if arrays is None or name in arrays:
            parts.append(united(name, names))
            columns.append(name)
            joins += f" LEFT JOIN {name}_merged USING ({names})"
    return f"WITH {', '.join(parts)} SELECT {', '.join(columns)} FROM {joins}"  # noqa: S608


def together(pairs: Pairs, keys: str, *, thinned: bool) -> str:
    """Arrays of places and counts, added by place; in no order, for sorting them takes longer than adding them."""
    places, counts = f"{pairs.name}_places", f"{pairs.name}_counts"
    total = "SUM(n)" if pairs.count == "DOUBLE" else f"CAST(LEAST(SUM(n), {SUM_MOST}) AS BIGINT)"
    each = f"SELECT {keys}, unnest({places}) AS place, unnest({counts}) AS n FROM source"  # noqa: S608
    added = f"SELECT {keys}, place, {total} AS n FROM ({each}) AS e GROUP BY {keys}, place"  # noqa: S608
    if thinned and pairs.crowd is not None:
        few = less_crowded(pairs.crowd, added, keys)
        added = f"SELECT {keys}, place, {total} AS n FROM ({few}) AS f GROUP BY {keys}, place"  # noqa: S608
    again = f"array_agg(place) AS {places}, array_agg(n) AS {counts}"
    return f"{pairs.name}_merged AS (SELECT {keys}, {again} FROM ({added}) AS a GROUP BY {keys})"  # noqa: S608


def less_crowded(crowd: Crowd, source: str, keys: str) -> str:
    """Places of a crowd that are not among its largest under the name of the rest."""
    member = f"starts_with(place, '{crowd.prefix}')"
    rank = f"ROW_NUMBER() OVER (PARTITION BY {keys}, {member} ORDER BY n DESC, place)"
    ranked = f"SELECT {keys}, place, n, {member} AND {rank} > {crowd.most} AS goes FROM ({source}) AS c"  # noqa: S608
    return f"SELECT {keys}, CASE WHEN goes THEN '{crowd.rest}' ELSE place END AS place, n FROM ({ranked}) AS r"  # noqa: S608


def united(name: str, keys: str) -> str:
    """HyperLogLog registers: of each index the highest."""
    each = f"SELECT {keys}, unnest({name}) AS entry FROM source"  # noqa: S608
    best = f"SELECT {keys}, MAX(entry) AS entry FROM ({each}) AS e GROUP BY {keys}, entry // 32"  # noqa: S608
    again = f"array_agg(entry) AS {name}"
    return f"{name}_merged AS (SELECT {keys}, {again} FROM ({best}) AS b GROUP BY {keys})"  # noqa: S608


def folded(table: Table, level: str, into: str, where: str) -> str:
    """Rows of one level as rows of another, put beside each other as they will be read."""
    columns, order = ", ".join(table.columns()), ", ".join([*table.keys, "started"])
    source = f"SELECT {columns} FROM {table.name}_{level} WHERE {where}"  # noqa: S608
    if SPANS_S[into] > SPANS_S["10s"]:  # what comes is of that span already
        keys = {"started": f"started // {SPANS_S[into]} * {SPANS_S[into]}", **{key: key for key in table.keys}}
        source = f"SELECT {columns} FROM ({merged(table, source, keys, thinned=True)}) AS m"  # noqa: S608
    return f"INSERT INTO {table.name}_{into} ({columns}) {source} ORDER BY {order}"


def gathered(table: Table, level: str, where: str) -> list[str]:
    """Statements that put rows of one level into the order of their keys."""
    columns, order = ", ".join(table.columns()), ", ".join([*table.keys, "started"])
    name = f"{table.name}_{level}"
    return [
        f"CREATE OR REPLACE TEMP TABLE aside AS SELECT {columns} FROM {name} WHERE {where}",  # noqa: S608
        f"DELETE FROM {name} WHERE {where}",  # noqa: S608
        f"INSERT INTO {name} ({columns}) SELECT {columns} FROM aside ORDER BY {order}",  # noqa: S608
        "DROP TABLE aside",
    ]


NAMED = ("endpoints", "auths", "schemas", "aliases", "roots")  # what is kept of an endpoint besides its rows


def forgotten(before: int) -> list[str]:
    """Statements that drop what is kept of endpoints first told before then of which, under any id, no row is left."""
    rooted = "LEFT JOIN roots AS r ON r.endpoint = s.endpoint"
    called = " UNION ALL ".join(f"SELECT endpoint FROM {CALLS.name}_{level}" for level in (NEW, *LEVELS))  # noqa: S608
    heard = f"SELECT COALESCE(r.root, s.endpoint) FROM ({called}) AS s {rooted}"  # noqa: S608
    gone = f"""
        SELECT COALESCE(r.root, s.endpoint) AS one FROM endpoints AS s {rooted}
        GROUP BY one HAVING MAX(s.started) < {before} AND one NOT IN ({heard})
    """  # noqa: S608
    own = "SELECT one FROM gone UNION SELECT endpoint FROM roots WHERE root IN (SELECT one FROM gone)"
    return [
        f"CREATE OR REPLACE TEMP TABLE aside AS WITH gone AS ({gone}) SELECT one AS endpoint FROM ({own}) AS o",  # noqa: S608
        *(f"DELETE FROM {name} WHERE endpoint IN (SELECT endpoint FROM aside)" for name in NAMED),  # noqa: S608
        "DROP TABLE aside",
    ]
