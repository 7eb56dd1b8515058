"""The archive in one DuckDB file.

One connection writes, under a lock; every question gets a cursor of its own and sees the moment it was asked.  Memory
and threads are bounded; what does not fit spills into a directory beside the file.

Loading puts a group of batches and their ids into one transaction, which DuckDB syncs to its log before it says so:
however often a batch is loaded, its rows are there once.  Roll-up moves rows from level to level in slices, each one
transaction.  See hub.tables for which levels there are.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from whimbrel.hub import migrations, tables
from whimbrel.hub.archive import ArchiveError, ArchiveRefusedError, Document, Folded, Loaded
from whimbrel.hub.questions import Questions, first_line
from whimbrel.hub.rows import Rows, number_of, rows_of, started_of

MEMORY_MIB = 512
THREADS = 2
CHUNK_BYTES = 4 << 20  # of JSON in one statement: DuckDB holds it several times over while it reads it
SETTLED_S = 120  # after which a window is taken for complete; what comes later is added to the grids
GRID_S = 600  # in pieces of this length it gets there
SLICE_ROWS = 20_000  # rolled up in one transaction: some 30 buckets each in three arrays, 2 million values
NEVER = (duckdb.DataError, duckdb.IntegrityError, duckdb.ProgrammingError)  # the rows' fault, not the moment's
HOLDER = re.compile(r"Conflicting lock is held .*\(PID (\d+)\)")  # DuckDB's words where another process has the file
COPY = "whimbrel_backup"  # what a backup is called while it is attached


@dataclass(frozen=True, slots=True)
class Retention:
    """Seconds that rows stay at a level before they move up; the last is when they go."""

    ten_s: int = 2 * 3600
    minute: int = 2 * tables.DAY_S
    hour: int = 30 * tables.DAY_S
    ids: int = 8 * tables.DAY_S  # an agent's spool keeps a batch for 22 hours, a person a file for longer


@contextmanager
def told() -> Iterator[None]:
    """DuckDB's errors as ours, by whether trying again makes sense."""
    try:
        yield
    except NEVER as error:
        raise ArchiveRefusedError(f"the archive: {first_line(error)}") from error
    except duckdb.Error as error:
        raise ArchiveError(f"the archive: {first_line(error)}") from error


class DuckArchive(Questions):
    """See hub.archive.Archive, which this is."""

    def __init__(
        self,
        path: Path,
        retention: Retention | None = None,
        memory_mib: int = MEMORY_MIB,
        threads: int = THREADS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self.retention = retention or Retention()
        self.clock = clock
        self.lock = threading.Lock()
        self.backing = threading.Lock()
        super().__init__(connect(path, memory_mib, threads))
        try:
            with told():
                prepare(self.connection, path)
        except BaseException:
            self.connection.close()
            raise

    def close(self) -> None:
        with self.lock:
            self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self.lock, told():
            self.connection.begin()
            try:
                yield
            except BaseException:
                self.connection.rollback()
                raise
            self.connection.commit()

    # ---- loading

    def load(self, batches: Sequence[Document]) -> Loaded:
        """BatchError: one of them cannot be, and none was loaded."""
        now = int(self.clock())
        made = {(batch["id"], started_of(batch, now)): rows_of(batch, now) for batch in batches}
        with self.transaction():
            fresh = [rows for batch, rows in made.items() if not known(self.connection, *batch)]
            written = {name: insert(self.connection, name, rows) for name, rows in together(fresh).items()}
        if written.get("endpoints") or written.get("auths"):
            self.told += 1
        return Loaded(len(fresh), len(batches) - len(fresh))

    def set_roots(self, roots: Mapping[str, str]) -> None:
        """What each id is answered under, from now on; ids that are not named are their own."""
        rows = [{"endpoint": number_of(old), "root": number_of(new)} for old, new in roots.items()]
        with self.transaction():
            self.connection.execute("DELETE FROM roots")
            insert(self.connection, "roots", rows)
        self.told += 1

    def has(self, batch_id: str, started: int) -> bool:
        with self.asking() as moment, told():
            return known(moment.cursor, batch_id, started)

    # ---- ageing

    def fold(self, now: int) -> Folded:
        """What has settled into the grids, whole hours and days into the coarser ones, what is too old away."""
        settled = (now - SETTLED_S) // GRID_S * GRID_S
        done = Folded()
        for table in tables.TABLES:
            done = added(done, self._refuse(table, now))
            done = added(done, self._settle(table, settled))
            for level, into in tables.CLIMBED:
                done = added(done, self._climb(table, level, into, settled))
            for level, span in tables.GATHERED_S:
                self._gather(table, level, span, settled)
            done = added(done, self._forget(table, now))
        return added(done, self._expire(now))

    def _refuse(self, table: tables.Table, now: int) -> Folded:
        """What came too old is not rolled up first: each day of it would cost as much as one that is kept."""
        limit = (now - self.retention.hour) // tables.DAY_S * tables.DAY_S
        name = f"{table.name}_{tables.NEW}"
        with self.transaction():
            return Folded(expired=counted(self.connection, f"DELETE FROM {name} WHERE started < {limit}"))  # noqa: S608

    def _settle(self, table: tables.Table, before: int) -> Folded:
        """Out of what came, into every grid that reaches there."""
        done, name = Folded(), f"{table.name}_{tables.NEW}"
        reaches = self.reaches(table)
        for day, within in self._blocks(name, f"started < {before}"):
            into = [level for level in tables.LEVELS if reaches[level].meets(day, day + tables.DAY_S)]
            for part in self._slices(table, name, within):
                where = f"{within} AND {part}"
                with self.transaction():
                    for level in into:
                        there = f"{where} AND {reaches[level].holds()}"
                        done = added(done, Folded(0, self._fold(table, tables.NEW, level, there)))
                    read = counted(self.connection, f"DELETE FROM {name} WHERE {where}")  # noqa: S608
                done = added(done, Folded(read))
        return done

    def _climb(self, table: tables.Table, level: str, into: str, before: int) -> Folded:
        """What is over of a coarser grid's spans, from the finer one.  It is not read before `until` says so."""
        done, span = Folded(), tables.SPANS_S[into]
        unit = max(span, tables.DAY_S)
        until, limit = self.reaches(table)[into].until, before // span * span
        if until >= limit:
            return done
        with self.transaction():  # of a round that was cut off
            self.connection.execute(f"DELETE FROM {table.name}_{into} WHERE started >= {until}")  # noqa: S608
        for _, within in self._blocks(f"{table.name}_{level}", f"started >= {until} AND started < {limit}", unit):
            for part in self._slices(table, f"{table.name}_{level}", within):
                with self.transaction():
                    done = added(done, Folded(0, self._fold(table, level, into, f"{within} AND {part}")))
        with self.transaction():
            self._reach(table, into, "until", limit)
        return done

    def _fold(self, table: tables.Table, level: str, into: str, where: str) -> int:
        return counted(self.connection, tables.folded(table, level, into, where))

    def _gather(self, table: tables.Table, level: str, span: int, settled: int) -> None:
        """Blocks of a grid that are over into the order of their keys, each once."""
        limit = min(self.reaches(table)[level].until, settled) // span * span
        which = f"name = '{table.name}' AND level = '{level}' AND span = {span}"
        [(until,)] = self.all(f"SELECT until FROM gathered WHERE {which}")  # noqa: S608
        if until >= limit:
            return
        within = f"started >= {until} AND started < {limit}"
        for _, block in self._blocks(f"{table.name}_{level}", within, span):
            for part in self._slices(table, f"{table.name}_{level}", block):
                with self.transaction():
                    for statement in tables.gathered(table, level, f"{block} AND {part}"):
                        self.connection.execute(statement)
        with self.transaction():
            self.connection.execute(f"UPDATE gathered SET until = {limit} WHERE {which}")  # noqa: S608

    def _blocks(self, name: str, where: str, unit: int = tables.DAY_S) -> list[tuple[int, str]]:
        """When there are such rows of a level, in days or what else, and the conditions for them."""
        found = self.all(f"SELECT DISTINCT started // {unit} * {unit} FROM {name} WHERE {where} ORDER BY 1")  # noqa: S608
        return [(at, f"{where} AND started >= {at} AND started < {at + unit}") for (at,) in found]

    def _slices(self, table: tables.Table, name: str, within: str) -> list[str]:
        """Conditions that part rows by their first key, in its order, into about SLICE_ROWS each."""
        key = next(iter(table.keys))
        rows = self.all(f"SELECT {key}, COUNT(*) FROM {name} WHERE {within} GROUP BY {key} ORDER BY {key}")  # noqa: S608
        bounds, size = [], 0
        for value, n in rows:
            if size and size + n > SLICE_ROWS:
                bounds.append(value)
                size = 0
            size += n
        literals = [str(bound) if isinstance(bound, int) else quoted(bound) for bound in bounds]
        lows = ["TRUE", *(f"{key} >= {bound}" for bound in literals)]
        highs = [*(f"{key} < {bound}" for bound in literals), "TRUE"]
        return [f"{low} AND {high}" for low, high in zip(lows, highs, strict=True)]

    def _forget(self, table: tables.Table, now: int) -> Folded:
        """What a coarser grid has of it by now; days are the unit of the coarse ones, so that all of them agree."""
        keep, day = self.retention, tables.DAY_S
        hours = self.reaches(table)["1h"].until
        limits = {"10s": (now - keep.ten_s) // 3600 * 3600}
        limits |= dict.fromkeys(("1m", "10m"), min((now - keep.minute) // day * day, hours))
        limits |= dict.fromkeys((tables.NEW, "1h", "6h", "1d"), (now - keep.hour) // day * day)
        limits["1w"] = -(-limits["1d"] // (7 * day)) * (7 * day)  # only whole ones
        gone = 0
        with self.transaction():
            for level, limit in limits.items():
                gone += counted(self.connection, f"DELETE FROM {table.name}_{level} WHERE started < {limit}")  # noqa: S608
                self._reach(table, level, "since", limit)
        return Folded(expired=gone)

    def _reach(self, table: tables.Table, level: str, end: str, at: int) -> None:
        self.connection.execute(
            f"UPDATE reach SET {end} = {at} WHERE name = '{table.name}' AND level = '{level}' AND {end} < {at}"  # noqa: S608
        )

    def _expire(self, now: int) -> Folded:
        """Of what has no grid: ids that nobody sends any more, schemas that were replaced, names nobody calls."""
        limit = (now - self.retention.hour) // tables.DAY_S * tables.DAY_S
        with self.transaction():
            ids = now - self.retention.ids
            gone = counted(self.connection, f"DELETE FROM batches WHERE received < {ids}")  # noqa: S608
            gone += counted(self.connection, schemas_replaced(limit, now - tables.DAY_S, now - self.retention.ten_s))
            named = sum(counted(self.connection, statement) for statement in tables.forgotten(limit))
        self.told += named > 0
        return Folded(expired=gone)

    # ---- backup

    def backup(self, target: Path) -> None:
        """Aside first: a backup that was interrupted is not one."""
        aside = target.with_name(target.name + ".new")
        for left in (aside, aside.with_name(aside.name + ".wal")):
            left.unlink(missing_ok=True)
        with self.backing, closing(self.connection.cursor()) as cursor, told():
            cursor.execute(f"ATTACH {quoted(str(aside))} AS {COPY}")
            try:
                cursor.execute(f"COPY FROM DATABASE {identifier(self.name)} TO {COPY}")
            finally:
                cursor.execute(f"DETACH {COPY}")
        aside.replace(target)


def schemas_replaced(limit: int, day: int, hour: int) -> str:
    """The newest schema stays, for it is in force; of a day that is over one, and one of each earlier hour of this."""
    unit = f"CASE WHEN started < {limit} THEN -1 WHEN started < {day} THEN started // 86400 ELSE -started // 3600 END"
    return f"""
        DELETE FROM schemas WHERE rowid IN (
            SELECT rowid FROM (
                SELECT rowid, started, MAX(started) OVER (PARTITION BY endpoint, part, status, {unit}) AS newest
                FROM schemas WHERE started < {hour}
            ) AS s WHERE started < newest)
    """  # noqa: S608 - integers and words of the house


def connect(path: Path, memory_mib: int, threads: int) -> duckdb.DuckDBPyConnection:
    config: dict[str, Any] = {
        "memory_limit": f"{memory_mib}MiB",
        "threads": threads,
        "temp_directory": str(path.with_name(path.name + ".spill")),
        "preserve_insertion_order": True,  # rows stay beside those they will be read with
        "autoinstall_known_extensions": False,  # a hub fetches nothing
        "autoload_known_extensions": False,
    }
    try:
        return duckdb.connect(str(path), config=config)
    except duckdb.Error as error:
        if holder := HOLDER.search(str(error)):
            raise ArchiveRefusedError(
                f"a hub, or an import, runs on {str(path.parent)!r} (PID {holder[1]}); stop it first"
            ) from None
        raise ArchiveRefusedError(f"{str(path)!r} cannot be opened as an archive: {first_line(error)}") from error


def prepare(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Make an empty file an archive, and an older archive one of this version."""
    found = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if not found:
        run(connection, tables.create())
        return
    if "meta" not in found:
        raise ArchiveRefusedError(f"{str(path)!r} is a database, but not an archive of Whimbrel")
    [(version,)] = connection.execute("SELECT amount FROM meta WHERE name = 'version'").fetchall() or [(0,)]
    if version > tables.VERSION:
        raise ArchiveRefusedError(
            f"{str(path)!r} is an archive of version {version}, this Whimbrel knows {tables.VERSION}: use a newer one"
        )
    while version < tables.VERSION:
        if version not in migrations.MIGRATIONS:
            raise ArchiveRefusedError(f"{str(path)!r} is an archive of version {version}, which is no longer migrated")
        later = f"UPDATE meta SET amount = {version + 1} WHERE name = 'version'"  # noqa: S608
        run(connection, [*migrations.MIGRATIONS[version], later])
        version += 1


def run(connection: duckdb.DuckDBPyConnection, statements: Sequence[str]) -> None:
    """All or none."""
    connection.begin()
    try:
        for statement in statements:
            connection.execute(statement)
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def known(cursor: duckdb.DuckDBPyConnection, batch_id: str, started: int) -> bool:
    """By the time first: numbers are compared faster than texts, and blocks of other times skipped."""
    found = cursor.execute("SELECT 1 FROM batches WHERE started = ? AND id = ? LIMIT 1", [started, batch_id])
    return found.fetchone() is not None


def counted(connection: duckdb.DuckDBPyConnection, statement: str, values: Sequence[object] = ()) -> int:
    row = connection.execute(statement, values).fetchone()
    return int(row[0]) if row else 0


def added(a: Folded, b: Folded) -> Folded:
    return Folded(a.read + b.read, a.written + b.written, a.expired + b.expired)


def quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def identifier(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def together(parts: Sequence[Rows]) -> Rows:
    """Rows of several batches; of what is kept once, once."""
    made: Rows = {}
    for rows in parts:
        for name, some in rows.items():
            made.setdefault(name, []).extend(some)
    for name, keys in tables.ONCE.items():
        found: dict[Any, Mapping[str, Any]] = {}
        for row in made.get(name, []):
            found.setdefault(tuple(row[key] for key in keys), row)
        made[name] = [dict(row) for row in found.values()]
    return made


def insert(connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Mapping[str, Any]]) -> int:
    """How many, for some may be there; in chunks of CHUNK_BYTES, and at least a row."""
    chunk: list[bytes] = []
    size, written = 0, 0
    for row in rows:
        line = msgspec.json.encode(row)
        if chunk and size + len(line) > CHUNK_BYTES:
            written += insert_chunk(connection, name, chunk)
            chunk, size = [], 0
        chunk.append(line)
        size += len(line)
    return written + (insert_chunk(connection, name, chunk) if chunk else 0)


def insert_chunk(connection: duckdb.DuckDBPyConnection, name: str, chunk: Sequence[bytes]) -> int:
    return counted(connection, tables.insert(name), [(b"[%b]" % b",".join(chunk)).decode()])
