"""What is asked of the DuckDB archive: SQL made by hub.tables, answers as rows of hub.archive.

Each question has a cursor of its own, so that they run side by side, beside loading and roll-up, and see one moment.
Ids that became others are answered under their root: the table `roots` says which those are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import duckdb
import msgspec

from whimbrel.hub.archive import (
    HEAT_STEPS,
    PARTS,
    AgentRow,
    ArchiveError,
    EdgeRow,
    EndpointRow,
    HeatCell,
    Period,
    ReuseRow,
    SchemaRow,
    Sizes,
    StatusRow,
    distinct,
)
from whimbrel.hub.model import Latencies, bucket_bounds_ns
from whimbrel.hub.patience import TooSlowError, interruptible
from whimbrel.hub.rows import id_of, number_of
from whimbrel.hub.tables import AGENTS, CALLS, DAY_S, EDGE_KEYS, EDGES, REUSE, SPANS_S, merged, period

POINTS_MOST = 10_000  # steps of one chart: more than a screen has columns

IDENTITY = ("protocol", "method", "host", "template", "agent")

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


class Questions:
    """Reading; hub.duck adds writing."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        [(self.name,)] = connection.execute("SELECT current_database()").fetchall()

    @contextmanager
    def asking(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with momentary(), closing(self.connection.cursor()) as cursor, interruptible(cursor.interrupt):
            yield cursor

    def all(self, statement: str) -> list[tuple[Any, ...]]:
        with self.asking() as cursor:
            return cursor.execute(statement).fetchall()

    def each(self, statement: str) -> Iterator[Row]:
        with self.asking() as cursor:
            found = cursor.execute(statement)
            names = [column[0] for column in found.description or ()]
            while some := found.fetchmany(1024):
                yield from (dict(zip(names, row, strict=True)) for row in some)

    # ---- endpoints

    def endpoints(self, asked: Period) -> list[EndpointRow]:
        """Those that were called in the period; their first and last windows there."""
        source = self._calls(asked, None, ("endpoint", "started"))
        called = f"SELECT endpoint, MIN(started), MAX(started) FROM ({source}) AS s GROUP BY endpoint ORDER BY endpoint"  # noqa: S608
        identities, kinds = self._identities(), self._kinds()
        return [
            EndpointRow(
                id=id_of(endpoint),
                auth=tuple(sorted(kinds.get(endpoint, ()))),
                first=first,
                last=last,
                **identities[endpoint],
            )
            for endpoint, first, last in self.all(called)
            if endpoint in identities  # loaded since
        ]

    def _identities(self) -> dict[int, dict[str, str]]:
        """The words of each root; of one that was not told yet, those of what becomes it."""
        rows = self.each("""
            SELECT e.endpoint, COALESCE(r.root, e.endpoint) AS root, e.protocol, e.method, e.host, e.template, e.agent
            FROM endpoints AS e LEFT JOIN roots AS r ON r.endpoint = e.endpoint ORDER BY e.endpoint, e.started
        """)
        return {row["root"]: {name: row[name] for name in IDENTITY} for row in sorted(rows, key=_clear)}

    def _kinds(self) -> dict[int, set[str]]:
        found: dict[int, set[str]] = {}
        for root, kind in self.all("""
            SELECT COALESCE(r.root, k.endpoint), k.kind
            FROM auths AS k LEFT JOIN roots AS r ON r.endpoint = k.endpoint
        """):
            found.setdefault(root, set()).add(kind)
        return found

    def statuses(
        self, asked: Period, endpoints: Collection[str] | None = None, parts: Collection[str] = PARTS
    ) -> list[StatusRow]:
        """Endpoint by status, the whole period as one; `endpoints` are ids, all where it is None."""
        keys = {"endpoint": "endpoint", "status": "status"}
        statement = merged(CALLS, self._calls(asked, endpoints), keys, parts) + " ORDER BY endpoint, status"
        return [status_row(row, asked.start) for row in self.each(statement)]

    def points(self, asked: Period, step: int, endpoints: Collection[str] | None = None) -> list[StatusRow]:
        """The same by steps of `step` seconds, for a chart; what is kept by the hour is at its beginning."""
        check_step(asked, step)
        keys = {"started": f"started // {step} * {step}", "endpoint": "endpoint", "status": "status"}
        statement = merged(CALLS, self._calls(asked, endpoints, step=step), keys, ("last", "clients"))
        found = self.each(statement + " ORDER BY started, endpoint, status")
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
        keys = {"started": f"started // {step} * {step}", "status": "status"}
        columns = [column for column in CALLS.columns() if column != "endpoint"]
        source = self._calls(asked, endpoints, ["endpoint", *columns], step)
        statement = merged(CALLS, source, keys | {"endpoint": "CAST(0 AS UBIGINT)"}, parts)
        return [
            replace(status_row(row, row["started"]), endpoint="")
            for row in self.each(statement + " ORDER BY started, status")
        ]

    def heat(self, asked: Period, step: int, endpoints: Collection[str] | None = None) -> list[HeatCell]:
        """Calls by time and latency (to the response's last byte)."""
        check_step(asked, step)
        columns = ("started", "last_places", "last_counts", "endpoint")
        statement = f"""
            SELECT started // {step} * {step} AS step, place // {HEAT_STEPS} AS cell, CAST(SUM(n) AS BIGINT) AS calls
            FROM (SELECT started, unnest(last_places) AS place, unnest(last_counts) AS n
                FROM ({self._calls(asked, endpoints, columns, step)}) AS s) AS e
            GROUP BY step, cell ORDER BY step, cell
        """  # noqa: S608 - integers and words of the house
        return [
            HeatCell(start, bucket_bounds_ns(cell * HEAT_STEPS)[0], bucket_bounds_ns((cell + 1) * HEAT_STEPS)[0], calls)
            for start, cell, calls in self.all(statement)
        ]

    def schemas(self, asked: Period, endpoints: Collection[str] | None = None) -> list[SchemaRow]:
        """What was in force when the period began, and the last of it; what an agent told in between it told again,
        with greater counts, unless it began anew.  Where nothing was in force, the first, too."""
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
            ) AS t WHERE place = 1 OR following IS NULL OR following < calls
            ORDER BY endpoint, part, status, started
        """  # noqa: S608 - integers and words of the house
        return [
            SchemaRow(id_of(endpoint), part, status, start, msgspec.json.decode(document))
            for endpoint, part, status, start, document in self.all(statement)
        ]

    # ---- who, and how it went

    def edges(self, asked: Period) -> list[EdgeRow]:
        keys = {key: key for key in EDGE_KEYS}
        statement = merged(EDGES, period(EDGES, asked.start, asked.end), keys)
        return [EdgeRow(**row) for row in self.each(f"{statement} ORDER BY {', '.join(EDGE_KEYS)}")]

    def agents(self, asked: Period) -> list[AgentRow]:
        statement = merged(AGENTS, period(AGENTS, asked.start, asked.end), {"agent": "agent"}) + " ORDER BY agent"
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
            for row in self.each(statement)
        ]

    def reuse(self, asked: Period) -> list[ReuseRow]:
        keys = {key: key for key in REUSE.keys}
        statement = merged(REUSE, period(REUSE, asked.start, asked.end), keys)
        return [
            ReuseRow(
                **{name: row[name] for name in (*keys, "reads", "cold", "share")},
                distances=tuple(float(value) for pair in sorted(counts_of(row, "distances").items()) for value in pair),
            )
            for row in self.each(f"{statement} ORDER BY {', '.join(keys)}")
        ]

    def aliases(self) -> list[tuple[str, str]]:
        """[id it had, id it has], as agents told them."""
        return [(id_of(old), id_of(new)) for old, new in self.all("SELECT endpoint, became FROM aliases")]

    # ---- parts of statements

    def _calls(
        self, asked: Period, endpoints: Collection[str] | None, columns: Sequence[str] = (), step: int = DAY_S
    ) -> str:
        """Rows of `calls` under their roots."""
        wanted = columns or tuple(CALLS.columns())
        chosen = ", ".join("COALESCE(r.root, c.endpoint) AS endpoint" if c == "endpoint" else f"c.{c}" for c in wanted)
        among = self._among("c.endpoint", endpoints)
        rows = period(CALLS, asked.start, asked.end, step)
        return f"SELECT {chosen} FROM ({rows}) AS c LEFT JOIN roots AS r ON r.endpoint = c.endpoint WHERE {among}"  # noqa: S608

    def _among(self, column: str, endpoints: Collection[str] | None) -> str:
        """As literals, and not as a join: the database skips blocks by them."""
        if endpoints is None:
            return "TRUE"
        numbers = {number_of(endpoint) for endpoint in endpoints}
        if not numbers:
            return "FALSE"
        listed = ", ".join(map(str, sorted(numbers)))
        roots = self.all(f"SELECT root, endpoint FROM roots WHERE root IN ({listed}) OR endpoint IN ({listed})")  # noqa: S608
        numbers |= {endpoint for root, endpoint in roots if root in numbers}
        numbers -= {endpoint for root, endpoint in roots if root not in numbers}  # answered under another name
        return f"{column} IN ({', '.join(map(str, sorted(numbers)))})" if numbers else "FALSE"


def _clear(row: Row) -> tuple[bool, int]:
    """How well words say what they are of: the root's own, then those with fewer names still hidden (`~3fa9c1d2e4b5`).

    Names become known, and are hidden again for a while by an agent that was started anew.
    """
    return row["endpoint"] == row["root"], -sum(row[name].count("~") for name in ("method", "host", "template"))


def check_step(asked: Period, step: int) -> None:
    if step <= 0 or step % SPANS_S["10s"]:
        raise ValueError(f"steps of {step} s; a multiple of {SPANS_S['10s']} is needed")
    if (asked.end - asked.start) // step > POINTS_MOST:
        raise ValueError(f"more than {POINTS_MOST} steps of {step} s; take longer ones")


def status_row(row: Row, start: int) -> StatusRow:
    return StatusRow(
        endpoint=id_of(row["endpoint"]),
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
    count = row[f"{which}_count"]
    if not count or f"{which}_places" not in row:  # not asked for
        return Latencies()
    low, high, total = (int(row[f"{which}_{what}"]) for what in ("min", "max", "sum"))
    return Latencies(count, total, low, high, counts_of(row, which), row[f"{which}_overflow"])


def sizes(row: Row, which: str) -> Sizes:
    return Sizes(row[f"{which}_sum"], int(row[f"{which}_min"]), int(row[f"{which}_max"]))


def counts_of(row: Row, name: str) -> dict[Any, Any]:
    """Two arrays as a dict; nothing where the array was empty or not asked for."""
    return dict(zip(row.get(f"{name}_places") or (), row.get(f"{name}_counts") or (), strict=True))
