"""Ingest: on disk before it is acknowledged, once in the archive, whatever happens in between."""

import os
import random
import subprocess
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hub.batches import NOON, batch, endpoint, row
from tests.hub.ingesting import numbered, opened
from whimbrel.hub import ingest as module
from whimbrel.hub.archive import ArchiveError, ArchiveRefusedError, Loaded, Period
from whimbrel.hub.duck import DuckArchive
from whimbrel.hub.ingest import Imported, Ingest, Journal, JournalFullError, Outcome
from whimbrel.summary import batch as format_
from whimbrel.summary.batch import BatchError, encode

ROOT = Path(__file__).parents[2]
ALL = Period(0, NOON * 2)


class Memory:
    """An archive of a list, that can be made to fail."""

    def __init__(self) -> None:
        self.batches: dict[str, dict[str, Any]] = {}
        self.loads: list[int] = []
        self.fail: Exception | None = None
        self.poison: set[str] = set()
        self.roots: dict[str, str] = {}

    def load(self, batches: list[dict[str, Any]]) -> Loaded:
        if self.fail:
            raise self.fail
        if any(made["id"] in self.poison for made in batches):
            raise ArchiveRefusedError("the archive: poison")
        self.loads.append(len(batches))
        fresh = {made["id"]: made for made in batches if made["id"] not in self.batches}
        self.batches |= fresh
        return Loaded(len(fresh), len(batches) - len(fresh))

    def has(self, batch_id: str, started: int) -> bool:
        assert started % 10 == 0
        return batch_id in self.batches

    def aliases(self) -> list[tuple[str, str]]:
        return [pair for made in self.batches.values() for pair in made["aliases"]]

    def set_roots(self, roots: dict[str, str]) -> None:
        self.roots = roots

    def fold(self, now: int) -> None:
        pass


@pytest.fixture
def memory() -> Memory:
    return Memory()


def ingest_of(memory: Memory, path: Path) -> Ingest:
    return Ingest(memory, path / "journal", lambda: NOON)  # type: ignore[arg-type]


def record(**more: Any) -> bytes:
    return encode(batch(endpoint(), **more))


def segments(path: Path) -> list[str]:
    return sorted(found.name for found in (path / "journal").glob("*.whb"))


# ---- accepting and loading


def test_acknowledged_is_on_disk_and_not_yet_in_the_archive(memory: Memory, tmp_path: Path) -> None:
    ingest, made = ingest_of(memory, tmp_path), record()
    assert ingest.accept(made) is Outcome.STORED
    assert (tmp_path / "journal" / segments(tmp_path)[0]).read_bytes() == made
    assert not memory.batches
    assert ingest.load_waiting() == 1
    assert len(memory.batches) == 1 and segments(tmp_path) == [] and ingest.journal.size == 0


def test_duplicates_are_answered_as_such_before_and_after_loading(memory: Memory, tmp_path: Path) -> None:
    ingest, made = ingest_of(memory, tmp_path), record()
    answers = [ingest.accept(made), ingest.accept(made)]
    ingest.load_waiting()
    answers += [ingest.accept(made), ingest_of(memory, tmp_path).accept(made)]
    assert answers == [Outcome.STORED, *[Outcome.DUPLICATE] * 3]
    assert ingest.load_waiting() == 0 and not segments(tmp_path)


def test_it_is_synced_before_it_is_acknowledged(memory: Memory, tmp_path: Path, monkeypatch) -> None:
    ingest, synced = ingest_of(memory, tmp_path), []
    sync = os.fsync

    def noting(handle: int) -> None:
        sync(handle)
        synced.append(os.fstat(handle).st_size)

    monkeypatch.setattr(os, "fsync", noting)
    made = record()
    ingest.accept(made)
    assert synced[-1] == len(made)


def test_another_run_loads_what_was_acknowledged(memory: Memory, tmp_path: Path) -> None:
    first = ingest_of(memory, tmp_path)
    made = [record() for _ in range(3)]
    for one in made:
        first.accept(one)
    again = ingest_of(memory, tmp_path)
    assert len(memory.batches) == 3 and not segments(tmp_path)
    assert again.accept(made[0]) is Outcome.DUPLICATE


def test_what_a_crash_cut_off_is_not_followed_by_anything(memory: Memory, tmp_path: Path) -> None:
    ingest_of(memory, tmp_path).accept(record())
    torn = tmp_path / "journal" / segments(tmp_path)[0]
    torn.write_bytes(torn.read_bytes() + record()[:-5])
    memory.fail = ArchiveError("not now")
    with pytest.raises(ArchiveError):
        ingest_of(memory, tmp_path)
    memory.fail = None
    again = ingest_of(memory, tmp_path)
    again.accept(record())
    again.load_waiting()
    assert len(memory.batches) == 2


def test_a_damaged_segment_is_set_aside_and_does_not_stop_the_rest(memory: Memory, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append(record())
    journal.append(b"WHB1" + bytes(8) + b"x")
    journal.seal()
    journal.append(record())
    ingest = ingest_of(memory, tmp_path)
    assert len(memory.batches) == 2 and ingest.counts.troubles == 1
    assert "damaged" in ingest.counts.last_trouble and segments(tmp_path) == []
    assert len(list((tmp_path / "journal" / "refused").iterdir())) == 1


def test_what_cannot_be_loaded_now_stays(memory: Memory, tmp_path: Path) -> None:
    ingest, made = ingest_of(memory, tmp_path), record()
    ingest.accept(made)
    memory.fail = ArchiveError("disk full")
    with pytest.raises(ArchiveError):
        ingest.load_waiting()
    assert len(segments(tmp_path)) == 1 and ingest.accept(made) is Outcome.DUPLICATE
    memory.fail = None
    assert ingest.load_waiting() == 1


def test_one_that_never_can_be_loaded_is_set_aside_alone(memory: Memory, tmp_path: Path) -> None:
    ingest = ingest_of(memory, tmp_path)
    memory.poison = {"p-1"}
    for name in ("p-0", "p-1", "p-2"):
        ingest.accept(record(batch_id=name))
    ingest.load_waiting()
    assert set(memory.batches) == {"p-0", "p-2"} and ingest.counts.set_aside == 1
    assert [found.name for found in (tmp_path / "journal" / "refused").iterdir()] == ["p-1.whb"]


def test_few_of_those_set_aside_stay(memory: Memory, tmp_path: Path) -> None:
    ingest = ingest_of(memory, tmp_path)
    memory.poison = {f"p-{n}" for n in range(20)}
    for name in memory.poison:
        ingest.accept(record(batch_id=name))
    ingest.load_waiting()
    assert len(list((tmp_path / "journal" / "refused").iterdir())) == module.REFUSED_KEPT


def test_many_are_loaded_in_groups(memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GROUP_BATCHES", 4)
    ingest = ingest_of(memory, tmp_path)
    for _ in range(10):
        ingest.accept(record())
    assert ingest.load_waiting() == 10 and memory.loads == [4, 4, 2]
    monkeypatch.setattr(module, "GROUP_ROWS", 3)
    for _ in range(5):
        ingest.accept(encode(batch(endpoint(1, row(), row(1, 404)))))
    ingest.load_waiting()
    assert memory.loads[3:] == [2, 2, 1]


def test_a_full_journal_refuses_for_now(memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest, made = ingest_of(memory, tmp_path), [record(), record()]
    monkeypatch.setattr(module, "JOURNAL_BYTES_MAX", len(made[0]) + 5)
    ingest.accept(made[0])
    with pytest.raises(JournalFullError):
        ingest.accept(made[1])
    ingest.load_waiting()
    assert ingest.accept(made[1]) is Outcome.STORED and ingest.counts.full == 1


def test_a_disk_that_fails_leaves_nothing_of_the_batch(memory: Memory, tmp_path: Path, monkeypatch) -> None:
    ingest, made = ingest_of(memory, tmp_path), record()
    ingest.accept(record())

    def failing(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(OSError, match="No space"):
            ingest.accept(made)
    assert ingest.accept(made) is Outcome.STORED  # it was not taken for a duplicate
    assert ingest.load_waiting() == 2


def test_segments_are_of_bounded_size(memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 1)
    ingest = ingest_of(memory, tmp_path)
    for _ in range(3):
        ingest.accept(record())
    assert len(segments(tmp_path)) == 3
    assert ingest.load_waiting() == 3


def test_ids_that_became_others_are_followed(memory: Memory, tmp_path: Path) -> None:
    ingest = ingest_of(memory, tmp_path)
    a, b, c = (f"{n:016x}" for n in (1, 2, 3))
    ingest.accept(record(aliases=[(a, b)]))
    ingest.accept(record(aliases=[(b, c)]))
    ingest.load_waiting()
    assert memory.roots == {a: c, b: c}
    memory.roots = {}
    ingest_of(memory, tmp_path)  # killed before it could be said
    assert memory.roots == {a: c, b: c}


def test_its_thread_loads_what_arrives_from_many(memory: Memory, tmp_path: Path) -> None:
    ingest = ingest_of(memory, tmp_path)
    done = threading.Event()
    load = memory.load

    def noting(batches: list[dict[str, Any]]) -> Loaded:
        answer = load(batches)
        if len(memory.batches) == 40:
            done.set()
        return answer

    memory.load = noting  # type: ignore[method-assign]
    ingest.start()
    records = [record() for _ in range(40)]
    outcomes: list[Outcome] = []
    threads = [
        threading.Thread(target=lambda: outcomes.extend(ingest.accept(one) for one in records)) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done.wait(30)
    ingest.stop()
    assert outcomes.count(Outcome.STORED) == 40 and outcomes.count(Outcome.DUPLICATE) == 80


# ---- hostile bytes


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    document=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
        lambda some: st.lists(some, max_size=4) | st.dictionaries(st.text(), some, max_size=4),
        max_leaves=20,
    ),
    field=st.sampled_from([*sorted(batch(endpoint())), "rows"]),
)
def test_wrong_types_are_one_error_each(memory: Memory, tmp_path: Path, document: Any, field: str) -> None:
    made = batch(endpoint())
    if field == "rows":
        made["endpoints"][0]["rows"][0]["last"] = document
    else:
        made[field] = document
    body = zlib.compress(msgspec.msgpack.encode(made))
    raw = format_.MAGIC + len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big") + body
    ingest = ingest_of(memory, tmp_path)
    try:
        ingest.accept(raw)
    except BatchError:
        assert ingest.counts.refused == 1
    else:
        ingest.load_waiting()
        assert made["id"] in memory.batches


def test_what_is_no_record_is_refused_and_not_written(memory: Memory, tmp_path: Path) -> None:
    ingest = ingest_of(memory, tmp_path)
    hostile = [b"", b"WHB1", record()[:-1], record() + b"x", b"\x1f\x8b" * 99, encode(batch(endpoint(id="../../x")))]
    for raw in hostile:
        with pytest.raises(BatchError):
            ingest.accept(raw)
    assert segments(tmp_path) == [] and ingest.counts.refused == len(hostile)


# ---- files


def test_a_file_of_the_agent_is_imported_once(memory: Memory, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(record(batch_id="a") + record(batch_id="b", start=NOON - 60) + record()[:20])
    ingest = ingest_of(memory, tmp_path)
    found = ingest.import_file(tmp_path / "out")
    assert (found.batches, found.duplicates, found.calls) == (2, 0, 2)
    assert (found.oldest, found.newest) == (NOON - 60, NOON) and "cut off" in found.trouble
    again = ingest.import_file(tmp_path / "out")
    assert (again.batches, again.duplicates) == (0, 2)
    assert ingest.accept(record(batch_id="a")) is Outcome.DUPLICATE


def test_a_file_that_goes_bad_counts_until_there(memory: Memory, tmp_path: Path) -> None:
    ingest = ingest_of(memory, tmp_path)
    (tmp_path / "out").write_bytes(record() + record() + b"noise" * 9 + record())
    found = ingest.import_file(tmp_path / "out")
    assert found.batches == 2 and found.trouble.startswith("after 2 batches: ")
    memory.poison = {"p"}
    (tmp_path / "out").write_bytes(record() + record(batch_id="p") + record())
    found = ingest.import_file(tmp_path / "out")
    assert found.batches == 1 and "poison" in found.trouble


def test_an_empty_file_holds_nothing(memory: Memory, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    assert ingest_of(memory, tmp_path).import_file(tmp_path / "out") == Imported()


# ---- killed


def killed_rounds(path: Path, rounds: int) -> None:
    """Each round a process accepts and is killed somewhere; the agent sends the last one again."""
    acknowledged = -1
    chance = random.Random(rounds)
    for _ in range(rounds):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.hub.ingesting", path, str(max(acknowledged, 0))],
            cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "src"},
        )  # fmt: skip
        assert process.stdout
        for _ in range(chance.randint(1, 25)):
            acknowledged = int(process.stdout.readline())
        threading.Event().wait(chance.random() * 0.05)
        process.kill()
        rest = process.stdout.read().split()
        process.wait()
        acknowledged = int(rest[-1]) if rest else acknowledged
    archive, ingest = opened(path)
    ingest.accept(numbered(acknowledged))
    ingest.load_waiting()
    calls = [(int(status.endpoint, 16) - 1, status.calls) for status in archive.statuses(ALL)]
    ids = archive.all("SELECT COUNT(*), COUNT(DISTINCT id) FROM batches")
    assert calls[: acknowledged + 1] == [(number, 1) for number in range(acknowledged + 1)]
    assert all(n == 1 for _, n in calls) and len(calls) <= acknowledged + 2  # one may be there unacknowledged
    assert ids == [(len(calls), len(calls))] and sum(edge.calls for edge in archive.edges(ALL)) == len(calls)
    archive.close()


def test_killed_anywhere_everything_acknowledged_is_there_once(tmp_path: Path) -> None:
    killed_rounds(tmp_path, 3)


def test_the_archive_it_is_meant_for(tmp_path: Path) -> None:
    archive, ingest = opened(tmp_path)
    assert isinstance(archive, DuckArchive)
    made = [numbered(number) for number in range(5)]
    assert [ingest.accept(one) for one in made + made] == [Outcome.STORED] * 5 + [Outcome.DUPLICATE] * 5
    assert ingest.load_waiting() == 5 and [ingest.accept(one) for one in made] == [Outcome.DUPLICATE] * 5
    assert sum(status.calls for status in archive.statuses(ALL)) == 5
    archive.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_in_loading_is_said(memory: Memory, tmp_path: Path) -> None:
    """The thread is gone, and nothing would be loaded: that is no hub which is well."""
    ingest = ingest_of(memory, tmp_path)
    memory.fail = RuntimeError("a defect")
    ingest.accept(numbered(1))
    ingest.start()
    assert ingest.thread is not None
    ingest.thread.join(10)
    assert ingest.trouble.startswith("batches are not loaded any more")
    ingest.stop()
