"""What is asked of the DuckDB archive: SQL made by hub.tables, answers as rows of hub.archive.

Each question has a cursor and a transaction of its own, so that they run side by side, beside loading and roll-up, and
see one moment.  Ids that became others are answered under their root.  Which those are, and the words of endpoints, are
kept in memory: they change seldom, and every question needs them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import duckdb
import msgspec

from whimbrel.hub.archive import (
    PARTS,
    AgentRow,
    ArchiveError,
    EdgeRow,
    EndpointRow,
    Period,
    ReuseRow,
    SchemaRow,
    Sizes,
    StatusRow,
    distinct,
)
from whimbrel.hub.few import FEW, columns, together
from whimbrel.hub.known import Known, known
from whimbrel.hub.model import Latencies
from whimbrel.hub.patience import TooSlowError, interruptible
from whimbrel.hub.rows import id_of, number_of
from whimbrel.hub.tables import (
    AGENTS,
    ALL_HOSTS,
    CALLS,
    DAY_S,
    EDGES,
    LEVELS,
    REUSE,
    SPANS_S,
    TOTALS,
    Reach,
    Reaches,
    Table,
    merged,
    period,
)
from whimbrel.summary.batch import BatchError

WHOLE_S = SPANS_S[LEVELS[-1]]  # a step that every grid serves
POINTS_MOST = 10_000  # steps of one chart: more than a screen has columns

Row = Mapping[str, Any]


@contextmanager
def momentary() -> Iterator[None]:
    """What another moment may mend, as ours; a question that no database answers is a defect and stays one."""
    try:
        yield
    except duckdb.InterruptException as error:
        raise TooSlowError("the question took too long") from error
    except (duckdb.OperationalError, duckdb.FatalException) as error:
        raise ArchiveError(f"the archive: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


class Moment:
    """What one question sees."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self.cursor = cursor

    def all(self, statement: str) -> list[tuple[Any, ...]]:
        return self.cursor.execute(statement).fetchall()

    def each(self, statement: str) -> Iterator[Row]:
        found = self.cursor.execute(statement)
        names = [column[0] for column in found.description or ()]
        while some := found.fetchmany(1024):
            yield from (dict(zip(names, row, strict=True)) for row in some)

    def reaches(self, table: Table) -> Reaches:
        rows = self.all(f"SELECT level, since, until FROM reach WHERE name = '{table.name}'")  # noqa: S608 - our word
        return {level: Reach(since, until) for level, since, until in rows}

    def period(self, table: Table, asked: Period, step: int = WHOLE_S, columns: Sequence[str] = ()) -> str:
        return period(table, asked.start, asked.end, step, self.reaches(table), columns)


class Questions:
    """Reading; hub.duck adds writing."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.told = 0  # how often what is Known has changed
        self.known: tuple[int, Known] | None = None  # as it was at a count of `told`
        [(self.name,)] = connection.execute("SELECT current_database()").fetchall()

    @contextmanager
    def asking(self) -> Iterator[Moment]:
        with momentary(), closing(self.connection.cursor()) as cursor, interruptible(cursor.interrupt):
            cursor.begin()
            yield Moment(cursor)

    def all(self, statement: str) -> list[tuple[Any, ...]]:
        with self.asking() as moment:
            return moment.all(statement)

    def each(self, statement: str) -> Iterator[Row]:
        with self.asking() as moment:
            yield from moment.each(statement)

    def reaches(self, table: Table) -> Reaches:
        with self.asking() as moment:
            return moment.reaches(table)

    # ---- endpoints

    def endpoints(self, asked: Period, endpoints: Collection[str] | None = None) -> list[EndpointRow]:
        """Those that were called in the period; their first and last windows there."""
        with self.asking() as moment:
            source = self._calls(moment, asked, endpoints, ("endpoint", "opened", "closed"))
            called = moment.all(
                f"SELECT endpoint, MIN(opened), MAX(closed) FROM ({source}) AS s GROUP BY endpoint ORDER BY endpoint"  # noqa: S608
            )
        known = self._known()
        return [
            EndpointRow(
                id=id_of(endpoint),
                auth=tuple(sorted(known.kinds.get(endpoint, ()))),
                first=int(first),
                last=int(last),
                **known.identities[endpoint],
            )
            for endpoint, first, last in called
            if endpoint in known.identities  # loaded since
        ]

    def alike(self, endpoint: str) -> list[str]:
        try:
            return [id_of(number) for number in self._known().alike(number_of(endpoint))]
        except BatchError:  # no id at all
            return []

    def _known(self) -> Known:
        told, kept = self.told, self.known
        if kept is not None and kept[0] == told:
            return kept[1]
        with self.asking() as moment:
            found = known(moment.all)
        self.known = told, found
        return found

    def statuses(
        self, asked: Period, endpoints: Collection[str] | None = None, parts: Collection[str] = PARTS
    ) -> list[StatusRow]:
        """Endpoint by status, the whole period as one; `endpoints` are ids, all where it is None."""
        with self.asking() as moment:
            found = self._rows(moment, asked, WHOLE_S, endpoints, {"endpoint": "endpoint", "status": "status"}, parts)
            return [status_row(row, asked.start) for row in found]

    def points(self, asked: Period, step: int, endpoints: Collection[str] | None = None) -> list[StatusRow]:
        """The same by steps of `step` seconds, for a chart; what is kept by the hour is at its beginning."""
        check_step(asked, step)
        keys = {"started": f"started // {step} * {step}", "endpoint": "endpoint", "status": "status"}
        with self.asking() as moment:
            statement = merged(CALLS, self._calls(moment, asked, endpoints, step=step), keys, ("last",))
            found = moment.each(statement + " ORDER BY started, endpoint, status")
            return [status_row(row, row["started"]) for row in found]

    def timeline(
        self,
        asked: Period,
        step: int,
        endpoints: Collection[str] | None = None,
        parts: Collection[str] = ("last",),
    ) -> list[StatusRow]:
        """The same, all of these endpoints as one."""
        check_step(asked, step)
        keys = {"started": f"started // {step} * {step}", "status": "status", "endpoint": "CAST(0 AS UBIGINT)"}
        with self.asking() as moment:
            found = self._rows(moment, asked, step, endpoints, keys, parts)
            return [replace(status_row(row, row["started"]), endpoint="") for row in found]

    def traffic(
        self, asked: Period, step: int, protocols: Collection[str], parts: Collection[str] = ("last", "marks")
    ) -> list[StatusRow]:
        """Everything of these protocols by steps."""
        check_step(asked, step)
        among = ", ".join(literal(protocol) for protocol in protocols)
        with self.asking() as moment:
            wanted = columns(TOTALS, parts)
            chosen = ", ".join(f"started // {step} * {step} AS started" if c == "started" else c for c in wanted)
            source = f"SELECT {chosen} FROM ({moment.period(TOTALS, asked, step, wanted)}) AS p"  # noqa: S608
            found = moment.each(f"{source} WHERE host = '{ALL_HOSTS}' AND protocol IN ({among})")
            return [status_row(row, row["started"]) for row in together(TOTALS, found, ("started", "status"))]

    def hosts(
        self, asked: Period, parts: Collection[str] = ("last", "marks")
    ) -> dict[tuple[str, str], list[StatusRow]]:
        """The whole period by protocol and host."""
        keys = {key: key for key in TOTALS.keys}
        hosts = self._known().hosts
        made: dict[tuple[str, str], list[StatusRow]] = {}
        with self.asking() as moment:
            source = f"SELECT * FROM ({moment.period(TOTALS, asked)}) AS p WHERE host <> '{ALL_HOSTS}'"  # noqa: S608
            for row in moment.each(merged(TOTALS, source, keys, parts) + f" ORDER BY {', '.join(keys)}"):
                place = row["protocol"], row["host"]
                made.setdefault(hosts.get(place, place), []).append(status_row(row, asked.start))
        return made

    def schemas(self, asked: Period, endpoints: Collection[str] | None = None) -> list[SchemaRow]:
        """What was in force when the period began, the first and the last of it; what an agent told in between it told
        again, with greater counts, unless it began anew."""
        statement = f"""
            SELECT endpoint, part, status, started, document FROM (
            SELECT COALESCE(r.root, s.endpoint) AS endpoint, s.part, s.status, s.started, s.document,
                CAST(json_extract(s.document, '$.calls') AS BIGINT) AS calls,
                ROW_NUMBER() OVER one AS place, LEAD(calls) OVER one AS following
            FROM schemas AS s
            JOIN (SELECT endpoint, part, status, MAX(started) AS began FROM schemas WHERE started <= {asked.start}
                    GROUP BY endpoint, part, status
                UNION ALL
                SELECT endpoint, part, status, MIN(started) AS began FROM schemas WHERE started < {asked.end}
                    GROUP BY endpoint, part, status HAVING MIN(started) > {asked.start}) AS f
                ON f.endpoint = s.endpoint AND f.part = s.part AND f.status = s.status
            LEFT JOIN roots AS r ON r.endpoint = s.endpoint
            WHERE s.started >= f.began AND s.started < {asked.end} AND {self._among("s.endpoint", endpoints)}
            WINDOW one AS (PARTITION BY s.endpoint, s.part, s.status ORDER BY s.started)
            ) AS t WHERE place <= 2 OR following IS NULL OR following < calls
            ORDER BY endpoint, part, status, started
        """  # noqa: S608 - integers and words of the house
        return [
            SchemaRow(id_of(endpoint), part, status, start, msgspec.json.decode(document))
            for endpoint, part, status, start, document in self.all(statement)
        ]

    # ---- who, and how it went

    def edges(self, asked: Period) -> list[EdgeRow]:
        return [EdgeRow(**{name: row[name] for name in row}) for row in self._merged(EDGES, asked)]

    def agents(self, asked: Period, *, counts: bool = True) -> list[AgentRow]:
        return [
            AgentRow(
                agent=row["agent"],
                version=int(row["version"]),
                first=int(row["opened"]),
                last=int(row["closed"]),
                batches=row["batches"],
                lost_batches=row["lost_batches"],
                lost_calls=row["lost_calls"],
                sample=int(row["sample"]),
                counts=counts_of(row, "counts"),
                program=row["program"],
                cpu_ns=row["cpu_ns"],
                resident_bytes=int(row["resident_bytes"]),
            )
            for row in self._merged(AGENTS, asked, None if counts else ())
        ]

    def reuse(self, asked: Period) -> list[ReuseRow]:
        return [
            ReuseRow(
                **{name: row[name] for name in (*REUSE.keys, "reads", "cold", "share")},
                distances=tuple(float(value) for pair in sorted(counts_of(row, "distances").items()) for value in pair),
            )
            for row in self._merged(REUSE, asked)
        ]

    def _merged(self, table: Table, asked: Period, arrays: Collection[str] | None = None) -> list[Row]:
        keys = {key: key for key in table.keys}
        with self.asking() as moment:
            statement = merged(table, moment.period(table, asked), keys, arrays)
            return list(moment.each(f"{statement} ORDER BY {', '.join(keys)}"))

    def aliases(self) -> list[tuple[str, str]]:
        """[id it had, id it has], as agents told them."""
        return [(id_of(old), id_of(new)) for old, new in self.all("SELECT endpoint, became FROM aliases")]

    # ---- parts of statements

    def _rows(
        self,
        moment: Moment,
        asked: Period,
        step: int,
        endpoints: Collection[str] | None,
        keys: Mapping[str, str],
        parts: Collection[str],
    ) -> Iterable[Row]:
        """Merged by the keys and in their order: by the database, or here where they are few."""
        order = f" ORDER BY {', '.join(keys)}"
        if endpoints is None or len(endpoints) > FEW:
            return moment.each(merged(CALLS, self._calls(moment, asked, endpoints, step=step), keys, parts) + order)
        wanted, step = columns(CALLS, parts), min(step, DAY_S)  # days lie beside each other, weeks do not
        chosen = ", ".join(f"{keys[name]} AS {name}" if name in keys else name for name in wanted)
        source = self._calls(moment, asked, endpoints, wanted, step)
        return together(CALLS, moment.each(f"SELECT {chosen} FROM ({source}) AS f"), tuple(keys))  # noqa: S608

    def _calls(
        self,
        moment: Moment,
        asked: Period,
        endpoints: Collection[str] | None,
        columns: Sequence[str] = (),
        step: int = WHOLE_S,
    ) -> str:
        """Rows of `calls` under their roots."""
        wanted = columns or tuple(CALLS.columns())
        rows, among = moment.period(CALLS, asked, step, wanted), self._among("endpoint", endpoints)
        if not self._known().roots:
            return f"SELECT * FROM ({rows}) AS c WHERE {among}"  # noqa: S608
        chosen = ", ".join("COALESCE(r.root, c.endpoint) AS endpoint" if c == "endpoint" else f"c.{c}" for c in wanted)
        joined = f"SELECT {chosen} FROM (SELECT * FROM ({rows}) AS p WHERE {among}) AS c"  # noqa: S608
        return f"{joined} LEFT JOIN roots AS r ON r.endpoint = c.endpoint"

    def _among(self, column: str, endpoints: Collection[str] | None) -> str:
        """As literals, and not as a join: the database skips blocks by them."""
        if endpoints is None:
            return "TRUE"
        numbers = {number_of(endpoint) for endpoint in endpoints}
        roots = self._known().roots
        numbers = {number for number in numbers if roots.get(number, number) in numbers}  # others: under another name
        numbers |= {endpoint for endpoint, root in roots.items() if root in numbers}
        return f"{column} IN ({', '.join(map(str, sorted(numbers)))})" if numbers else "FALSE"


def literal(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"


def check_step(asked: Period, step: int) -> None:
    if step <= 0 or step % SPANS_S["10s"]:
        raise ValueError(f"steps of {step} s; a multiple of {SPANS_S['10s']} is needed")
    if (asked.end - asked.start) // step > POINTS_MOST:
        raise ValueError(f"more than {POINTS_MOST} steps of {step} s; take longer ones")


def status_row(row: Row, start: int) -> StatusRow:
    return StatusRow(
        endpoint=id_of(row["endpoint"]) if "endpoint" in row else "",
        status=row["status"],
        calls=row["calls"],
        seen=row["seen"],
        sample=int(row["sample"]),
        first=latencies(row, "first"),
        last=latencies(row, "last"),
        request=sizes(row, "request"),
        response=sizes(row, "response"),
        clients=distinct(row.get("clients") or ()),
        marks=counts_of(row, "marks"),
        start=start,
    )


def latencies(row: Row, which: str) -> Latencies:
    """Without buckets where these were not asked for."""
    count = row.get(f"{which}_count")
    if not count:
        return Latencies()
    low, high, total = (int(row[f"{which}_{what}"]) for what in ("min", "max", "sum"))
    overflow = row[f"{which}_overflow"] if f"{which}_places" in row else 0
    return Latencies(count, total, low, high, counts_of(row, which), overflow)


def sizes(row: Row, which: str) -> Sizes:
    return Sizes(row[f"{which}_sum"], int(row[f"{which}_min"]), int(row[f"{which}_max"]))


def counts_of(row: Row, name: str) -> dict[Any, Any]:
    """Two arrays as a dict; nothing where the array was empty or not asked for."""
    return dict(zip(row.get(f"{name}_places") or (), row.get(f"{name}_counts") or (), strict=True))
