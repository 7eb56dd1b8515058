"""The archive in one DuckDB file.

One connection writes, under a lock; every question gets a cursor of its own and sees the moment it was asked.  Memory
and threads are bounded; what does not fit spills into a directory beside the file.

Loading puts a group of batches and their ids into one transaction, which DuckDB syncs to its log before it says so:
however often a batch is loaded, its rows are there once.  Roll-up moves rows from level to level in slices, each one
transaction that writes the merged rows and deletes what they were made of.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from whimbrel.hub import tables
from whimbrel.hub.archive import ArchiveError, ArchiveRefusedError, Document, Folded, Loaded
from whimbrel.hub.questions import Questions, first_line
from whimbrel.hub.rows import Rows, number_of, rows_of, started_of

MEMORY_MIB = 512
THREADS = 2
CHUNK_BYTES = 4 << 20  # of JSON in one statement: DuckDB holds it several times over while it reads it
SLICE_ROWS = 20_000  # rolled up in one transaction: some 30 buckets each in three arrays, 2 million values
NEVER = (duckdb.DataError, duckdb.IntegrityError, duckdb.ProgrammingError)  # the rows' fault, not the moment's
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
            for name, rows in together(fresh).items():
                insert(self.connection, name, rows)
        return Loaded(len(fresh), len(batches) - len(fresh))

    def set_roots(self, roots: Mapping[str, str]) -> None:
        """What each id is answered under, from now on; ids that are not named are their own."""
        rows = [{"endpoint": number_of(old), "root": number_of(new)} for old, new in roots.items()]
        with self.transaction():
            self.connection.execute("DELETE FROM roots")
            insert(self.connection, "roots", rows)

    def has(self, batch_id: str, started: int) -> bool:
        with self.asking() as cursor, told():
            return known(cursor, batch_id, started)

    # ---- ageing

    def fold(self, now: int) -> Folded:
        """Hours and days as a whole, so that a late batch finds its own again by being merged with them."""
        keep, done = self.retention, Folded()
        for table in tables.TABLES:
            done = added(done, self._move(table, "10s", "1m", 3600, (now - keep.ten_s) // 3600 * 3600))
            limit = (now - keep.minute) // tables.DAY_S * tables.DAY_S
            done = added(done, self._move(table, "1m", "1h", tables.DAY_S, limit))
        return added(done, self._expire(now))

    def _move(self, table: tables.Table, level: str, into: str, unit: int, before: int) -> Folded:
        """Everything older than `before`, unit by unit."""
        done = Folded()
        name = f"{table.name}_{level}"
        units = self.all(f"SELECT DISTINCT started // {unit} FROM {name} WHERE started < {before} ORDER BY 1")  # noqa: S608
        for (place,) in units:
            within = f"started >= {place * unit} AND started < {(place + 1) * unit}"
            for part in self._slices(table, name, within):
                done = added(done, self._move_slice(table, level, into, f"{within} AND {part}"))
        return done

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

    def _move_slice(self, table: tables.Table, level: str, into: str, where: str) -> Folded:
        order = [*table.keys, "started"]
        with self.transaction():
            if into == "1h":
                self.connection.execute(tables.folded(table, level, "1d", where, order))
            written = counted(self.connection, tables.folded(table, level, into, where, order))
            read = counted(self.connection, f"DELETE FROM {table.name}_{level} WHERE {where}")  # noqa: S608
        return Folded(read, written)

    def _expire(self, now: int) -> Folded:
        """What is older than the longest level keeps; days are the unit, so that hours and days still agree."""
        limit = (now - self.retention.hour) // tables.DAY_S * tables.DAY_S
        gone = 0
        with self.transaction():
            for table in tables.TABLES:
                for level in tables.LEVELS:
                    gone += counted(self.connection, f"DELETE FROM {table.name}_{level} WHERE started < {limit}")  # noqa: S608
            ids = now - self.retention.ids
            gone += counted(self.connection, f"DELETE FROM batches WHERE received < {ids}")  # noqa: S608
            gone += counted(self.connection, schemas_replaced(limit, now - tables.DAY_S, now - self.retention.ten_s))
        return Folded(expired=gone)

    # ---- backup

    def backup(self, target: Path) -> None:
        """Aside first: a backup that was interrupted is not one."""
        aside = target.with_name(target.name + ".new")
        for left in (aside, aside.with_name(aside.name + ".wal")):
            left.unlink(missing_ok=True)
        with self.backing, self.asking() as cursor, told():
            cursor.execute(f"ATTACH {quoted(str(aside))} AS {COPY}")
            try:
                cursor.execute(f"COPY FROM DATABASE {identifier(self.name)} TO {COPY}")
            finally:
                cursor.execute(f"DETACH {COPY}")
        aside.replace(target)


def schemas_replaced(limit: int, day: int, hour: int) -> str:
    """The newest schema stays, for it is in force; of a day that is over one stays, and of earlier hours of this one."""
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
        if version not in tables.MIGRATIONS:
            raise ArchiveRefusedError(f"{str(path)!r} is an archive of version {version}, which is no longer migrated")
        later = f"UPDATE meta SET amount = {version + 1} WHERE name = 'version'"  # noqa: S608
        run(connection, [*tables.MIGRATIONS[version], later])
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


def counted(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    row = connection.execute(statement).fetchone()
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


def insert(connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """In chunks of CHUNK_BYTES, and at least a row."""
    chunk: list[bytes] = []
    statement, size = tables.insert(name), 0
    for row in rows:
        line = msgspec.json.encode(row)
        if chunk and size + len(line) > CHUNK_BYTES:
            connection.execute(statement, [(b"[%b]" % b",".join(chunk)).decode()])
            chunk, size = [], 0
        chunk.append(line)
        size += len(line)
    if chunk:
        connection.execute(statement, [(b"[%b]" % b",".join(chunk)).decode()])
