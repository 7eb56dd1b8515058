"""The archive's file: loading once, ageing without losing anything, versions, backups, bounds."""

import dataclasses
import threading
from pathlib import Path

import duckdb
import pytest

from tests.hub.batches import NOON, batch, edge, endpoint, latency, row
from whimbrel.hub import migrations, tables
from whimbrel.hub.archive import ArchiveRefusedError, Loaded, Period
from whimbrel.hub.duck import DuckArchive, Retention
from whimbrel.hub.rows import started_of
from whimbrel.summary import hll
from whimbrel.summary.batch import BatchError

ALL = Period(NOON - 40 * 86_400, NOON + 86_400)
DAY = tables.DAY_S


@pytest.fixture
def archive(tmp_path: Path):
    made = DuckArchive(tmp_path / "a.duckdb", memory_mib=128, clock=lambda: NOON)
    yield made
    made.close()


def answers(archive: DuckArchive, asked: Period = ALL) -> list[object]:
    """Everything that ageing must not change."""
    everything = archive.hosts(asked), archive.traffic(asked, DAY, ["http"]), archive.endpoints(asked)
    return [archive.statuses(asked), archive.edges(asked), archive.agents(asked), archive.reuse(asked), everything]


def some_days(archive: DuckArchive, days: int = 4) -> None:
    """Windows over `days` up to noon: several a minute, several minutes an hour, two agents."""
    reuse = {
        "server": "~s",
        "port": 1,
        "protocol": "redis",
        "reads": 2,
        "cold": 1.0,
        "share": 0.5,
        "distances": [3, 1.5],
    }
    made = []
    for hour in range(0, days * 24, 5):
        for second in (0, 10, 50, 70, 1800):
            start = NOON - hour * 3600 - 7200 + second
            rows = [row(2, last=latency(100 + hour, 1, 300, 1), clients=hll.registers([hour << 5 | 3])), row(1, 404)]
            whole = batch(endpoint(1, *rows), endpoint(2), edges=[edge(f"~{hour % 3}")], start=start, reuse=[reuse])
            made += [whole, batch(endpoint(1), start=start, agent="two", counts={"drops": 3}, lost_calls=1)]
    archive.load(made)


def test_a_batch_is_loaded_once(archive: DuckArchive) -> None:
    first, second = batch(endpoint()), batch(endpoint())
    assert archive.load([first]) == Loaded(1, 0)
    assert archive.load([first, second, second]) == Loaded(1, 2)
    assert archive.has(first["id"], started_of(first, NOON)) and not archive.has("other", started_of(first, NOON))
    [status] = archive.statuses(ALL)
    assert status.calls == 2
    [endpoint_row] = archive.endpoints(ALL)
    assert (endpoint_row.id, endpoint_row.first, endpoint_row.last) == (f"{1:016x}", NOON, NOON)


def test_a_group_with_a_batch_that_cannot_be_is_not_loaded(archive: DuckArchive) -> None:
    with pytest.raises(BatchError):
        archive.load([batch(endpoint()), batch(endpoint(id="no"))])
    assert archive.statuses(ALL) == []


def test_ageing_changes_no_answer(archive: DuckArchive) -> None:
    some_days(archive)
    before = answers(archive)
    done = archive.fold(NOON)
    assert done.read > 0 and done.written > 0 and done.expired > 0
    assert answers(archive) == before
    assert archive.all("SELECT COUNT(*) FROM calls_new") == [(0,)]
    assert archive.all("SELECT COUNT(*) FROM calls_10s WHERE started < 1760004000") == [(0,)]
    assert archive.all("SELECT COUNT(DISTINCT started % 3600) FROM calls_1h") == [(1,)]
    today = NOON // DAY * DAY
    days = archive.all("SELECT SUM(calls), COUNT(*) FROM calls_1d")
    hours = archive.all(f"SELECT SUM(calls), COUNT(*) FROM calls_1h WHERE started < {today}")  # noqa: S608
    assert days[0][0] == hours[0][0] and days[0][1] < hours[0][1]
    again = archive.fold(NOON)
    assert (again.read, again.written, again.expired) == (0, 0, 0)


def test_slices_are_whole_whatever_their_size(archive: DuckArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    some_days(archive, 2)
    before = answers(archive)
    monkeypatch.setattr("whimbrel.hub.duck.SLICE_ROWS", 2)
    archive.fold(NOON)
    assert answers(archive) == before


def test_a_round_that_was_cut_off_is_done_again(archive: DuckArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    some_days(archive, 2)
    before = answers(archive)
    monkeypatch.setattr("whimbrel.hub.duck.SLICE_ROWS", 2)
    fold, left = archive._fold, iter(range(1000))

    def cut(table: tables.Table, level: str, into: str, where: str) -> int:
        if into == "1d" and next(left) >= 2:
            raise MemoryError
        return fold(table, level, into, where)

    monkeypatch.setattr(archive, "_fold", cut)
    with pytest.raises(MemoryError):
        archive.fold(NOON)
    assert answers(archive) == before
    monkeypatch.setattr(archive, "_fold", fold)
    archive.fold(NOON)
    assert answers(archive) == before


def test_what_comes_late_joins_what_is_rolled_up(archive: DuckArchive) -> None:
    some_days(archive)
    archive.fold(NOON)
    late = batch(endpoint(1, row(5)), start=NOON - 4 * DAY)
    archive.load([late])
    asked = Period(NOON - 5 * DAY, NOON - 3 * DAY)
    before = archive.statuses(asked)
    archive.fold(NOON)
    assert archive.statuses(asked) == before
    assert archive.load([late]) == Loaded(0, 1)


def test_what_is_too_old_goes(archive: DuckArchive) -> None:
    shape = {"types": 4, "seen": 1, "calls": 1}
    newer = shape | {"types": 8}
    archive.retention = Retention(hour=2 * DAY)
    archive.load([batch(endpoint(1, body=shape), start=NOON - 5 * DAY), batch(endpoint(2), start=NOON - 5 * DAY)])
    archive.load([batch(endpoint(1, body=newer), start=NOON - 4 * DAY), batch(endpoint(1))])
    assert archive.fold(NOON).expired >= 3
    [kept] = archive.statuses(ALL)
    assert (kept.endpoint, kept.calls) == (f"{1:016x}", 1)
    [schema] = archive.schemas(Period(NOON - 60, NOON))  # it was sent four days ago, and is still in force
    assert schema.document == newer


def test_what_came_too_old_is_not_rolled_up(archive: DuckArchive) -> None:
    archive.load([batch(endpoint(1), start=day * DAY) for day in range(20)])
    done = archive.fold(NOON)
    assert (done.read, done.written) == (0, 0) and done.expired >= 20
    assert archive.statuses(ALL) == []


def test_names_go_with_the_last_of_their_calls(archive: DuckArchive) -> None:
    """With what was learnt of them; those that became another stay as long as it does."""
    old, shape = NOON - 5 * DAY, {"types": 4, "seen": 1, "calls": 1}
    archive.retention = Retention(hour=2 * DAY)
    became = [(f"{3:016x}", f"{1:016x}"), (f"{5:016x}", f"{4:016x}")]
    several = [endpoint(number, body=shape, auth=["basic"]) for number in (1, 2, 3, 4, 5)]
    archive.load([batch(*several, start=old, aliases=became), batch(endpoint(1), endpoint(6))])
    archive.set_roots(dict(became))
    assert len(archive.alike(f"{2:016x}")) == 1
    archive.fold(NOON)
    left = {"endpoints": [1, 3, 6], "auths": [1, 3], "schemas": [1, 3], "aliases": [3], "roots": [3]}
    for name, numbers in left.items():
        found = archive.all(f"SELECT endpoint FROM {name} ORDER BY endpoint")  # noqa: S608 - our words
        assert found == [(number,) for number in numbers], name
    assert archive.alike(f"{2:016x}") == []
    archive.load([batch(endpoint(2))])
    assert [row.template for row in archive.endpoints(ALL)] == ["/1", "/2", "/6"]


def test_of_a_day_that_is_over_the_last_schema_stays(archive: DuckArchive) -> None:
    for second, types in ((0, 1), (10, 2), (20, 4)):
        shape = {"types": types, "seen": 1, "calls": 1}
        archive.load([batch(endpoint(1, body=shape), start=NOON - 2 * DAY + second)])
    archive.fold(NOON)
    assert [schema.document["types"] for schema in archive.schemas(ALL)] == [4]


def test_of_an_hour_that_is_over_the_last_schema_stays(archive: DuckArchive) -> None:
    hours = Retention().ten_s // 3600 + 2
    told = [(hour * 3600 + at, hour * 10 + at) for hour in range(hours) for at in (0, 10, 20)]
    for before, calls in told:
        shape = {"types": 1, "seen": calls, "calls": 1000 - calls}
        archive.load([batch(endpoint(1, body=shape), start=NOON - before - 10)])
    archive.fold(NOON)
    kept = archive.all("SELECT started FROM schemas ORDER BY started DESC")
    recent = [NOON - before - 10 for before, _ in told if before < Retention().ten_s]
    older = [NOON - hour * 3600 - 10 for hour in range(hours - 2, hours)]
    assert [started for (started,) in kept] == sorted([*recent, *older], reverse=True)


def test_ids_are_forgotten_when_nobody_sends_them_any_more(archive: DuckArchive) -> None:
    archive.load([batch(endpoint())])
    archive.fold(NOON + Retention().ids + 1)
    assert archive.all("SELECT COUNT(*) FROM batches") == [(0,)]


def test_another_run_finds_everything(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    first = DuckArchive(path, clock=lambda: NOON)
    some_days(first, 1)
    before = answers(first)
    first.close()
    again = DuckArchive(path, clock=lambda: NOON)
    assert answers(again) == before
    again.close()


def test_a_backup_is_one_moment_while_loading_goes_on(archive: DuckArchive, tmp_path: Path) -> None:
    some_days(archive, 1)
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            archive.load([batch(endpoint(7, row(1)), edges=[edge("~late")])])

    loader = threading.Thread(target=load)
    loader.start()
    archive.backup(tmp_path / "b.duckdb")
    stop.set()
    loader.join()
    copy = DuckArchive(tmp_path / "b.duckdb", clock=lambda: NOON)
    ids = copy.all("SELECT COUNT(*) FROM batches")[0][0]
    windows = copy.all("SELECT SUM(batches) FROM agents_new")[0][0]
    assert ids == windows > 0
    late = sum(edge.calls for edge in copy.edges(ALL) if edge.client == "~late")
    assert late == sum(status.calls for status in copy.statuses(ALL, [f"{7:016x}"]))
    copy.close()
    assert not list(tmp_path.glob("*.new*"))


# ---- other files


def refusal(path: Path) -> str:
    with pytest.raises(ArchiveRefusedError) as caught:
        DuckArchive(path)
    message = str(caught.value)
    assert repr(str(path)) in message and "\n" not in message
    return message


def test_noise_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"no database" * 1000)
    assert "cannot be opened as an archive" in refusal(tmp_path / "a")


def test_another_database_is_left_alone(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "a")) as other:
        other.execute("CREATE TABLE mine (x INTEGER)")
    assert "not an archive of Whimbrel" in refusal(tmp_path / "a")
    with duckdb.connect(str(tmp_path / "a")) as other:
        assert other.execute("SHOW TABLES").fetchall() == [("mine",)]


def as_version(path: Path, version: int) -> None:
    DuckArchive(path).close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE meta SET amount = ? WHERE name = 'version'", [version])


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    as_version(tmp_path / "a", tables.VERSION + 1)
    assert f"version {tables.VERSION + 1}, this Whimbrel knows {tables.VERSION}" in refusal(tmp_path / "a")


def test_a_version_nobody_migrates_is_refused(tmp_path: Path) -> None:
    as_version(tmp_path / "a", 0)
    assert "version 0, which is no longer migrated" in refusal(tmp_path / "a")


def test_an_older_version_is_migrated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_version(tmp_path / "a", 1)
    monkeypatch.setattr(tables, "VERSION", 3)
    steps = {1: ("ALTER TABLE auths ADD COLUMN since BIGINT",), 2: ("UPDATE meta SET amount = amount",)}
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    for _ in range(2):
        archive = DuckArchive(tmp_path / "a")
        assert archive.all("SELECT amount FROM meta WHERE name = 'version'") == [(3,)]
        assert archive.all("SELECT COUNT(since) FROM auths") == [(0,)]
        archive.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_version(tmp_path / "a", 1)
    monkeypatch.setattr(tables, "VERSION", 2)
    monkeypatch.setattr(migrations, "MIGRATIONS", {1: ("DROP TABLE auths", "DROP TABLE nothing")})
    with pytest.raises(ArchiveRefusedError):
        DuckArchive(tmp_path / "a")
    monkeypatch.setattr(tables, "VERSION", 1)
    archive = DuckArchive(tmp_path / "a")
    assert archive.all("SELECT COUNT(*) FROM auths") == [(0,)]
    archive.close()


def test_memory_is_bounded(archive: DuckArchive) -> None:
    [(limit, threads)] = archive.all("SELECT current_setting('memory_limit'), current_setting('threads')")
    assert limit == "128.0 MiB" and threads == 2


def test_retention_is_said_in_seconds() -> None:
    assert all(value > 0 for value in dataclasses.astuple(Retention()))
