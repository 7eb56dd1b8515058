"""Batches on their way in: on disk before they are acknowledged, in the archive exactly once.

    record -> decode, check -> known? -> journal, fsync -> acknowledged
                                 | yes      |
                             duplicate      loader -> archive, a transaction a group -> segment removed

    journal/
      0000000000000007.whb    records as in --out files, appended and synced; the highest is being written
      refused/                records that passed every check and that the archive cannot hold, the last few

A batch's id is either in a segment or in the archive's transaction that loaded it, or in both when we were killed
between that and removing the segment: then it is loaded again, and found to be there.  What a crash cut off at the end
of a segment was never acknowledged, and its agent sends it again.

Deliberately not: HTTP, tokens and rates, which are the page's; and order: batches may be loaded in any.
"""

from __future__ import annotations

import enum
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from whimbrel.base.words import counted
from whimbrel.hub.aliases import Aliases
from whimbrel.hub.archive import Archive, ArchiveError, ArchiveRefusedError
from whimbrel.hub.rows import rows_of
from whimbrel.summary.batch import BatchError, Tail, decode, encode, read_batches

SEGMENT_BYTES = 16 << 20  # then the next is begun; a segment is removed as a whole
JOURNAL_BYTES_MAX = 256 << 20  # what may wait while the archive is busy; more is refused for now
GROUP_BATCHES = 64  # loaded in one transaction: a sync for many
GROUP_ROWS = 4096  # or as many rows: what is held in memory on the way
RETRY_S = 5.0  # after the archive could not
FOLD_EVERY_S = 300.0
REFUSED_KEPT = 16  # for a person to look at


class Outcome(enum.Enum):
    STORED = "stored"
    DUPLICATE = "duplicate"


class JournalFullError(ArchiveError):
    """The archive is behind by JOURNAL_BYTES_MAX: the agent keeps the batch and sends it later."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file held."""

    batches: int = 0
    duplicates: int = 0
    calls: int = 0
    trouble: str = ""  # its end, or what stopped the reading
    oldest: int = 0  # seconds since 1970, of windows: retention counts from there
    newest: int = 0


@dataclass(slots=True)
class Counts:
    """Since the hub was started."""

    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    full: int = 0
    loaded: int = 0
    set_aside: int = 0
    troubles: int = 0
    last_trouble: str = ""


class Journal:
    """Segments of records.  One thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path / "refused").mkdir(mode=0o700, exist_ok=True)
        self.left = self.segments()  # of earlier runs: never appended to, for their ends may be torn
        self.number = max((int(found.stem) for found in self.left), default=0)
        self.size = sum(found.stat().st_size for found in self.left)
        self.file: BinaryIO | None = None
        self.written = 0

    def segments(self) -> list[Path]:
        return sorted(found for found in self.path.glob("*.whb") if found.stem.isdigit())

    def append(self, record: bytes) -> None:
        """On disk when it returns; OSError: nothing of it is there."""
        if self.size + len(record) > JOURNAL_BYTES_MAX:
            raise JournalFullError(f"{self.size} bytes wait to be loaded; at most {JOURNAL_BYTES_MAX} may")
        if self.file is None:
            self._begin()
        assert self.file is not None
        try:
            left = memoryview(record)
            while left:
                left = left[self.file.write(left) :]
            os.fsync(self.file.fileno())
        except OSError:
            with suppress(OSError):
                self.file.truncate(self.written)
            self.seal()  # whatever is at its end is not followed by anything
            raise
        self.written += len(record)
        self.size += len(record)
        if self.written >= SEGMENT_BYTES:
            self.seal()

    def _begin(self) -> None:
        self.number += 1
        path = self.path / f"{self.number:016d}.whb"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.file = os.fdopen(handle, "wb", buffering=0)
        self.written = 0
        sync_directory(self.path)

    def seal(self) -> None:
        """What comes goes to another segment."""
        if self.file is not None:
            self.file.close()
            self.file = None

    def remove(self, segment: Path, keep: bool = False) -> None:
        """It has been loaded; `keep` what could not be read, for a person."""
        size = segment.stat().st_size
        if keep:
            segment.rename(self.path / "refused" / segment.name)
        else:
            segment.unlink()
        self.size -= size

    def set_aside(self, batch: dict[str, Any]) -> None:
        refused = self.path / "refused"
        (refused / f"{batch['id']}.whb").write_bytes(encode(batch))
        by_age = sorted(refused.iterdir(), key=lambda found: found.stat().st_mtime_ns)
        for old in by_age[:-REFUSED_KEPT]:
            old.unlink(missing_ok=True)


@dataclass
class Ingest:
    """Accepts from any thread, loads in one."""

    archive: Archive
    path: Path
    clock: Callable[[], float] = time.time
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self.lock = threading.Lock()  # the journal, and which ids are in it
        self.loading = threading.Lock()
        self.journal = Journal(self.path)
        self.waiting: set[str] = set()
        self.arrived = threading.Event()
        self.stopping = threading.Event()
        self.thread: threading.Thread | None = None
        self.trouble = ""  # why what arrived is not being loaded now; it is tried again
        self.load_waiting()  # what an earlier run acknowledged: its ids are known from here on
        self._follow()

    # ---- accepting

    def accept(self, record: bytes) -> Outcome:
        """BatchError: it never will be; JournalFullError, OSError: not now."""
        try:
            batch = decode(record)
            [told] = rows_of(batch, int(self.clock()))["batches"]
        except BatchError:
            with self.lock:
                self.counts.refused += 1
            raise
        with self.lock:
            if batch["id"] in self.waiting or self.archive.has(batch["id"], told["started"]):
                self.counts.duplicates += 1
                return Outcome.DUPLICATE
            try:
                self.journal.append(record)
            except JournalFullError:
                self.counts.full += 1
                raise
            self.waiting.add(batch["id"])
            self.counts.stored += 1
        self.arrived.set()
        return Outcome.STORED

    # ---- loading

    def load_waiting(self) -> int:
        """Everything in the journal, into the archive; ArchiveError: the rest stays where it is."""
        with self.loading:
            with self.lock:
                self.journal.seal()
                segments = self.journal.segments()
            return sum(self._load_segment(segment) for segment in segments if not self.stopping.is_set())

    def _load_segment(self, segment: Path) -> int:
        loaded, ids, damage = 0, [], ""
        with segment.open("rb") as file:
            try:
                for group in groups(read_batches(file, Tail())):
                    loaded += self._load_group(group)
                    ids += [batch["id"] for batch in group]
            except BatchError as error:  # the disk's work: what is behind it cannot be found
                damage = f"{segment.name} is damaged and set aside: {error}"
        with self.lock:
            if damage:
                self._note(damage)
            self.journal.remove(segment, keep=bool(damage))
            self.waiting.difference_update(ids)
        return loaded

    def _load_group(self, group: list[dict[str, Any]]) -> int:
        """As one, or one by one where one of them cannot be loaded."""
        try:
            done = self.archive.load(group).loaded
        except (ArchiveRefusedError, BatchError) as error:
            if len(group) > 1:
                return sum(self._load_group([batch]) for batch in group)
            self.counts.set_aside += 1
            self._note(error)
            self.journal.set_aside(group[0])
            return 0
        self.counts.loaded += done
        if any(batch["aliases"] for batch in group):
            self._follow()
        return done

    def _follow(self) -> None:
        """The history of ids that became others follows them."""
        self.archive.set_roots(Aliases(self.archive.aliases()).moved())

    def _note(self, trouble: Exception | str) -> None:
        self.counts.troubles += 1
        self.counts.last_trouble = str(trouble)

    # ---- beside everything else

    def start(self) -> None:
        """Load as batches arrive, and roll up now and then."""
        self.thread = threading.Thread(target=self._work, name="ingest", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """What is in the journal stays there for the next run."""
        self.stopping.set()
        self.arrived.set()
        if self.thread is not None:
            self.thread.join()
            self.thread = None
        with self.lock:
            self.journal.seal()

    def _work(self) -> None:
        """A defect ends it, with its traceback in the log; whoever asks how the hub is hears so."""
        try:
            self._load_and_fold()
        except BaseException:
            self.trouble = "batches are not loaded any more: the hub's log says why"
            raise

    def _load_and_fold(self) -> None:
        next_fold = time.monotonic()
        while not self.stopping.is_set():
            self.arrived.wait(max(next_fold - time.monotonic(), 0))
            self.arrived.clear()
            try:
                self.load_waiting()
                if time.monotonic() >= next_fold:
                    self.archive.fold(int(self.clock()))
                    next_fold = time.monotonic() + FOLD_EVERY_S
                self.trouble = ""
            except (ArchiveError, OSError, BatchError) as error:
                self._note(error)
                self.trouble = str(error)
                self.arrived.set()
                self.stopping.wait(RETRY_S)

    # ---- files

    def import_file(self, path: Path) -> Imported:
        """The batches of an `--out` file; those that are there already are not counted again."""
        found, tail = Imported(), Tail()
        with path.open("rb") as file:
            try:
                for group in groups(read_batches(file, tail)):
                    for part, loaded in self._load_parts(group):
                        found = tell(found, part, loaded)
            except (BatchError, ArchiveRefusedError) as error:
                return replace(found, trouble=f"after {counted(found.batches + found.duplicates, 'batch')}: {error}")
        return replace(found, trouble=tail.trouble)

    def _load_parts(self, group: list[dict[str, Any]]) -> Iterator[tuple[list[dict[str, Any]], int]]:
        """What was loaded of a group, up to a batch that cannot be."""
        try:
            with self.loading:
                loaded = self.archive.load(group).loaded
                if any(batch["aliases"] for batch in group):
                    self._follow()
        except (BatchError, ArchiveRefusedError):
            if len(group) == 1:
                raise
            for batch in group:
                yield from self._load_parts([batch])
        else:
            yield group, loaded


def tell(found: Imported, group: list[dict[str, Any]], loaded: int) -> Imported:
    starts = [batch["start_ns"] // 1_000_000_000 for batch in group]
    calls = sum(row["calls"] for batch in group for endpoint in batch["endpoints"] for row in endpoint["rows"])
    return replace(
        found,
        batches=found.batches + loaded,
        duplicates=found.duplicates + len(group) - loaded,
        calls=found.calls + calls,
        oldest=min([found.oldest, *starts]) if found.newest else min(starts),
        newest=max([found.newest, *starts]),
    )


def groups(batches: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Few enough to be held at once."""
    group: list[dict[str, Any]] = []
    rows = 0
    try:
        for batch in batches:
            group.append(batch)
            rows += sum(len(endpoint["rows"]) for endpoint in batch["endpoints"])
            if len(group) >= GROUP_BATCHES or rows >= GROUP_ROWS:
                yield group
                group, rows = [], 0
    except BatchError:
        if group:
            yield group  # those before what is none
        raise
    if group:
        yield group


def sync_directory(path: Path) -> None:
    """Make what was created in it last."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
