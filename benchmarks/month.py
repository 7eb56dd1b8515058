"""An archive of thirty days and 1,000 endpoints, as a hub that ran that long would have it; made in two minutes.

Endpoints are called by a power law (the 500th a few times a minute), latencies are log-normal with a slow tail, every
endpoint has an error status beside its usual one.  A row's histograms are real samples, as many as it has calls (at
most SAMPLES_MOST, then scaled): they are drawn once for VARIANTS of each endpoint, status and level, and rows take one
of those by a hash.  So rows are as long, and as hard to compress, as an agent's; only sums over levels disagree a bit.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from whimbrel.hub import tables
from whimbrel.hub.duck import GRID_S, SETTLED_S, DuckArchive, Retention

HOUR_S, DAY_S = 3600, 86_400
VARIANTS = 8
SAMPLES_MOST = 5_000
CALLERS_MOST = 8  # told by name
HOSTS, CACHES = 20, 4  # of every 100 endpoints, 4 are key patterns of a cache
TAIL = 0.03  # of calls, five times as slow


@dataclass(frozen=True, slots=True)
class Month:
    """What is made; its last window ends at `now`."""

    now: int
    endpoints: int = 1000
    calls_per_s: float = 200.0
    agents: int = 10
    days: int = 30

    def reach(self, level: str) -> tuple[int, int]:
        """[start, end) of what a level holds."""
        settled, keep = (self.now - SETTLED_S) // GRID_S * GRID_S, Retention()
        hours, today = settled // HOUR_S * HOUR_S, settled // DAY_S * DAY_S
        first = today - self.days * DAY_S
        return {
            "new": (settled, self.now),
            "10s": ((self.now - keep.ten_s) // HOUR_S * HOUR_S, settled),
            "1m": ((self.now - keep.minute) // DAY_S * DAY_S, settled),
            "10m": ((self.now - keep.minute) // DAY_S * DAY_S, settled),
            "1h": (first, hours),
            "6h": (first, settled // (6 * HOUR_S) * (6 * HOUR_S)),
            "1d": (first, today),
            "1w": (-(-first // (7 * DAY_S)) * (7 * DAY_S), settled // (7 * DAY_S) * (7 * DAY_S)),
        }[level]

    def order(self, level: str) -> str:
        """How rows lie in the file: see tables.GATHERED_S, and what has not been gathered yet as it was written."""
        end = self.reach(level)[1]
        written = 10 if level == tables.NEW else max(GRID_S, tables.SPANS_S[level])
        blocks = [str(written)]
        for name, span in tables.GATHERED_S:
            if name == level:
                blocks.append(f"CASE WHEN started < {end // span * span} THEN {span} ELSE {blocks[-1]} END")
        return f"started // ({blocks[-1]}) * ({blocks[-1]})"


def endpoint_id(number: int) -> str:
    """Far apart, as hashes are."""
    return f"{(number + 1) * 0x9E3779B97F4A7C15 & (1 << 64) - 1:016x}"


def words(number: int) -> dict[str, str]:
    if number % 100 < CACHES:
        return {
            "protocol": "redis",
            "method": ("GET", "SET")[number % 2],
            "host": "",
            "template": f"k{number}:{{uuid}}",
        }
    method = ("GET", "GET", "GET", "POST", "PUT", "DELETE")[number % 6]
    template = f"/v1/things-{number // 10}/{{uuid}}/part-{number % 10}"
    return {"protocol": "http", "method": method, "host": f"service-{number % HOSTS}.internal", "template": template}


def fill(path: Path, month: Month) -> None:
    """A new archive file."""
    DuckArchive(path).close()
    with duckdb.connect(str(path), config={"threads": 2, "memory_limit": "4GiB"}) as connection:
        connection.execute("SELECT setseed(0.25)")
        identities(connection, month)
        for level in (tables.NEW, *tables.LEVELS):
            span = tables.SPANS_S.get(level, 10)
            if level != tables.LEVELS[0]:  # as long as what is new, and just drawn
                library(connection, span)
            calls(connection, month, level, span)
            edges(connection, month, level, span)
            agents(connection, month, level, span)
        schemas(connection, month)
        reaches(connection, month)
        for name in ("e", "lib", "drawn", "counted"):
            connection.execute(f"DROP TABLE {name}")
        connection.execute("CHECKPOINT")


def identities(connection: duckdb.DuckDBPyConnection, month: Month) -> None:
    """Table e: every endpoint by status; those without an id are sums of a host, and of all."""
    rng = random.Random(4)
    weights = [1 / (i + 1) for i in range(month.endpoints)]
    rng.shuffle(weights)
    whole, plain = sum(weights), []
    rows: list[dict[str, Any]] = []
    sums: dict[tuple[str, str, int], float] = {}
    for i, weight in enumerate(weights):
        rate = month.calls_per_s * weight / whole
        told = words(i)
        mu = 15.5 + rng.gauss(0, 1.0) if told["protocol"] == "http" else 12.5  # e^15.5 ns is 5 ms, e^12.5 270 us
        number = int(endpoint_id(i), 16)
        clients = rng.choice((2, 5, 8, 8, 300))
        statuses = (
            ((200, 0.98), (rng.choice((304, 404, 422, 500)), 0.02)) if told["protocol"] == "http" else ((0, 1.0),)
        )
        rows += [
            {"i": i, "id": number, "status": status, "rate": rate * share, "mu": mu, "sigma": rng.uniform(0.2, 0.6),
             "clients": clients, "protocol": "", "host": ""}
            for status, share in statuses
        ]  # fmt: skip
        for status, share in statuses:
            for host in (told["host"], tables.ALL_HOSTS):
                place = told["protocol"], host, status
                sums[place] = sums.get(place, 0.0) + rate * share
        plain.append({"endpoint": number, "agent": f"agent-{i % month.agents}", "started": month.reach("1h")[0]} | told)
    rows += [
        {"i": month.endpoints + n, "id": None, "status": status, "rate": rate, "mu": 15.5, "sigma": 1.0, "clients": 0,
         "protocol": protocol, "host": host}
        for n, ((protocol, host, status), rate) in enumerate(sums.items())
    ]  # fmt: skip
    shape = ", ".join(f'"{name}": "{kind}"' for name, kind in {
        "i": "INTEGER", "id": "UBIGINT", "status": "INTEGER", "rate": "DOUBLE", "mu": "DOUBLE", "sigma": "DOUBLE",
        "clients": "INTEGER", "protocol": "VARCHAR", "host": "VARCHAR"}.items())  # fmt: skip
    connection.execute(
        f"CREATE TABLE e AS SELECT r.* FROM (SELECT unnest(from_json(?::JSON, '[{{{shape}}}]')) AS r)",  # noqa: S608
        [msgspec.json.encode(rows).decode()],
    )
    connection.execute(tables.insert("endpoints"), [msgspec.json.encode(plain).decode()])
    auths = [{"endpoint": row["endpoint"], "kind": "bearer"} for row in plain[::2]]
    connection.execute(tables.insert("auths"), [msgspec.json.encode(auths).decode()])


# base/histogram: below 512 ns steps of 8, then 64 in every octave
PLACE = """CAST(CASE WHEN v < 512 THEN v // 8
    ELSE (CAST(floor(log2(v)) AS BIGINT) - 8) * 64 + (v >> (CAST(floor(log2(v)) AS BIGINT) - 6)) - 64 END AS INTEGER)"""


def library(connection: duckdb.DuckDBPyConnection, span_s: int) -> None:
    """Table lib: rows of `calls` without their time, VARIANTS for each endpoint and status."""
    connection.execute(f"""
        CREATE OR REPLACE TABLE drawn AS
        SELECT i, id, status, variant, mu, sigma, clients, protocol, host,
            -- about Poisson: normal where many, and by chance where few
            CAST(CASE WHEN mean > 20 THEN round(mean + sqrt(mean) * (random() + random() + random() - 1.5) * 2)
                ELSE floor(mean + random()) END AS BIGINT) AS n
        FROM (SELECT *, rate * {span_s} * (0.4 + 1.2 * (variant // 2) / {VARIANTS // 2 - 1}) AS mean
            FROM e, range({VARIANTS}) AS v(variant)) AS e
    """)  # noqa: S608 - numbers of the house
    connection.execute(f"""
        CREATE OR REPLACE TABLE counted AS
        WITH each AS (
            SELECT i, status, variant, greatest(1, n // {SAMPLES_MOST}) AS times,
                CAST(exp(mu + sigma * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))
                    * CASE WHEN random() < {TAIL} THEN 5 ELSE 1 END AS BIGINT) AS v
            FROM drawn, range(least(n, {SAMPLES_MOST})) AS s(k)
        ), ends AS (
            SELECT i, status, variant, times, v, 'last' AS which FROM each
            UNION ALL SELECT i, status, variant, times, v * 3 // 5, 'first' FROM each
        ), placed AS (
            SELECT i, status, variant, which, {PLACE} AS place, SUM(times) AS n, MIN(v) AS low, MAX(v) AS high,
                SUM(CAST(v AS DOUBLE) * times) AS total
            FROM ends GROUP BY ALL
        )
        SELECT i, status, variant, which, array_agg(place ORDER BY place) AS places,
            array_agg(CAST(n AS BIGINT) ORDER BY place) AS counts, CAST(SUM(n) AS BIGINT) AS calls,
            CAST(MIN(low) AS DOUBLE) AS low, CAST(MAX(high) AS DOUBLE) AS high, SUM(total) AS total
        FROM placed GROUP BY i, status, variant, which
    """)  # noqa: S608
    connection.execute(f"""
        CREATE OR REPLACE TABLE lib AS
        SELECT d.i, d.id AS endpoint, d.protocol, d.host, d.status, d.variant, l.calls, l.calls AS seen,
            l.calls AS first_count, 0 AS first_overflow, 0 AS first_unplaced,
            l.calls AS last_count, 0 AS last_overflow, 0 AS last_unplaced,
            f.total AS first_sum, l.total AS last_sum, l.calls * 310.0 AS request_sum, l.calls * 5200.0 AS response_sum,
            f.low AS first_min, l.low AS last_min, 120.0 AS request_min, 900.0 AS response_min,
            f.high AS first_max, l.high AS last_max, 1800.0 AS request_max, 61000.0 AS response_max, 1.0 AS sample,
            f.places AS first_places, f.counts AS first_counts, l.places AS last_places, l.counts AS last_counts,
            ['request_kind:0', 'response_kind:1', 'request_step:8', 'response_step:11', 'response_step:12',
                'response_step:13'] || [c.name FOR c IN callers] AS marks_places,
            [1, 1, l.calls, l.calls // 4, l.calls // 2, l.calls // 4] || [c.n FOR c IN callers] AS marks_counts,
            [CAST((hash(d.i * 1000 + k) % 2048) * 32 + 1 + hash(d.i * 7 + k) % 4 AS INTEGER)
                FOR k IN range(least(clients, l.calls))] AS clients
        FROM (SELECT *, CASE WHEN clients > {CALLERS_MOST} THEN [] ELSE
                [{{'name': printf('caller:~%012x/private', hash((i + k) % 40) >> 17),
                    'n': CAST(n // least(clients, n) AS BIGINT)}} FOR k IN range(least(clients, n))] END AS callers
            FROM drawn) AS d
        JOIN counted AS l ON l.i = d.i AND l.status = d.status AND l.variant = d.variant AND l.which = 'last'
        JOIN counted AS f ON f.i = d.i AND f.status = d.status AND f.variant = d.variant AND f.which = 'first'
    """)  # noqa: S608


def calls(connection: duckdb.DuckDBPyConnection, month: Month, level: str, span: int) -> None:
    """Those of endpoints, and their sums."""
    start, end = month.reach(level)
    for table, which in ((tables.CALLS, "IS NOT NULL"), (tables.TOTALS, "IS NULL")):
        columns = ", ".join(table.columns())
        connection.execute(f"""
            INSERT INTO {table.name}_{level} ({columns})
            SELECT {columns} FROM (
                SELECT t.started, t.started AS opened, t.started + {span - 10} AS closed, lib.* EXCLUDE (i, variant)
                FROM range({start}, {end}, {span}) AS t(started)
                JOIN lib ON lib.variant = hash(t.started * 4096 + lib.i * 2 + lib.status % 2) % {VARIANTS}
                WHERE lib.endpoint {which}) AS s
            ORDER BY {month.order(level)}, {", ".join(table.keys)}, started
        """)  # noqa: S608


def edges(connection: duckdb.DuckDBPyConnection, month: Month, level: str, span: int) -> None:
    """Forty clients of twenty servers, ten of each."""
    start, end = month.reach(level)
    columns = ", ".join(tables.EDGES.columns())
    connection.execute(f"""
        INSERT INTO edges_{level} ({columns})
        SELECT t.started, printf('~%012x', hash(c % 40) >> 17), 'private', printf('~%012x', hash(900 + s) >> 17),
            'private', 8000 + s, 'http', '', printf('service-%d.internal', s), '',
            1 + hash(t.started + c) % {span}, {span // 10}, 0, 310.0 * {span}, 5200.0 * {span}, 0.0
        FROM range({start}, {end}, {span}) AS t(started), range({HOSTS}) AS s(s), range(10) AS k(k),
            LATERAL (SELECT s * 7 + k AS c)
    """)  # noqa: S608


def agents(connection: duckdb.DuckDBPyConnection, month: Month, level: str, span: int) -> None:
    start, end = month.reach(level)
    connection.execute(f"""
        INSERT INTO agents_{level} (started, agent, batches, lost_batches, lost_calls, opened, closed, sample, version,
            cpu_ns, resident_bytes, program, counts_places, counts_counts)
        SELECT t.started, printf('agent-%d', a), {span // 10}, 0, 0, t.started, t.started + {span}, 1, 1,
            CAST({span} AS BIGINT) * 20000000, 40 << 20, '0.1', [printf('counter_%d', k) FOR k IN range(30)],
            [CAST({span} AS BIGINT) FOR k IN range(30)]
        FROM range({start}, {end}, {span}) AS t(started), range({month.agents}) AS a(a)
    """)  # noqa: S608


def reaches(connection: duckdb.DuckDBPyConnection, month: Month) -> None:
    for level in tables.LEVELS:
        since, until = month.reach(level)
        until = until if level in dict(tables.CLIMBED).values() else tables.EVER
        connection.execute(f"UPDATE reach SET since = {since}, until = {until} WHERE level = '{level}'")  # noqa: S608
    for level, span in tables.GATHERED_S:
        until = month.reach(level)[1] // span * span
        connection.execute(f"UPDATE gathered SET until = {until} WHERE level = '{level}' AND span = {span}")  # noqa: S608


def shape(number: int, calls: int) -> dict[str, object]:
    """A body of two dozen places."""
    leaf = {"types": 1 << number % 5, "seen": calls, "calls": calls}
    inner = {"types": 64, "seen": calls, "calls": calls, "keys": {"id": leaf, "name": leaf, "price": leaf}}
    keys = {f"field_{k}": leaf if k % 4 else inner for k in range(12)}
    return {"types": 64, "seen": calls, "calls": calls, "keys": keys}


def schemas(connection: duckdb.DuckDBPyConnection, month: Month) -> None:
    """Response, request and query; each told once a day."""
    first, end = month.reach("1h")
    rows = [
        {"endpoint": int(endpoint_id(i), 16), "part": part, "status": status, "started": day,
         "document": msgspec.json.encode(shape(i, 1000 + (day - first) // DAY_S)).decode()}
        for day in range(first, end, DAY_S)
        for i in range(month.endpoints)
        for part, status in (("response", 200), ("body", 0), ("query", 0))
        if i % 100 >= CACHES
    ]  # fmt: skip
    for at in range(0, len(rows), 5000):
        connection.execute(tables.insert("schemas"), [msgspec.json.encode(rows[at : at + 5000]).decode()])
