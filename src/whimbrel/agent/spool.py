"""Batches on their way: a bounded directory that survives being killed at any instruction.

    spool/
      00001732324567890123456-1840-9f8e7d….batch    order - calls in it - batch id
      00001732324569012345678-922-1f2e3d….dropped   empty: what this name says was dropped and is not yet told
      refused/                                       what the hub would not have, the last few

A batch is written aside, synced and renamed: it is there whole or not at all.  It goes when the hub has it.  When
the directory is full the oldest gives way, and leaves its name behind until a later batch, which carries the count,
is stored: a loss may be told twice by an agent that is killed in between, but never not at all.  Names left behind are
few: each batch that is stored takes the place of one that is dropped, and tells of it.

Order is the wall clock in nanoseconds, or one more than the last where the clock went back.
Deliberately not: reading batches.  To the spool they are bytes with an id.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from whimbrel.agent.state import sync_directory

BLOCK_BYTES = 4096  # what a file takes on a disk is rounded up to this
ENTRIES_MAX = 8192  # names kept in memory, 2 MiB: 22 hours of a batch every ten seconds
REFUSED_KEPT = 16  # for a person to look at
ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
NAME = re.compile(rf"(\d{{23}})-(\d+)-({ID.pattern})\.(batch|dropped)")
ORDER_DIGITS = 23


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch in the spool."""

    order: int
    calls: int
    id: str
    size: int  # on disk

    def name(self, kind: str = "batch") -> str:
        return f"{self.order:0{ORDER_DIGITS}d}-{self.calls}-{self.id}.{kind}"


@dataclass(frozen=True, slots=True)
class Losses:
    """What was dropped because the spool was full, and which of it a new batch may call told."""

    batches: int = 0
    calls: int = 0
    entries: tuple[Entry, ...] = ()


class Spool:
    """Used by the thread that stores and the thread that sends."""

    def __init__(self, path: Path, bound_bytes: int, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self.path = path
        self.bound_bytes = bound_bytes
        self.clock_ns = clock_ns
        self.lock = threading.Lock()
        self.arrived = threading.Event()  # something to send
        self.waiting: deque[Entry] = deque()
        self.untold: list[Entry] = []
        self.size = 0
        path.mkdir(mode=0o700, exist_ok=True)
        (path / "refused").mkdir(mode=0o700, exist_ok=True)
        self._resume()

    def _resume(self) -> None:
        """What an earlier run left, in its order."""
        for found in sorted(self.path.iterdir()):
            match = NAME.fullmatch(found.name)
            if match is None:
                if found.suffix == ".new":  # it was being written when we were killed
                    found.unlink()
                continue
            entry = Entry(int(match[1]), int(match[2]), match[3], on_disk(found.stat().st_size))
            if match[4] == "dropped":
                if (self.path / entry.name()).exists():  # killed while it was dropped: there is room again by now
                    found.unlink()
                else:
                    self.untold.append(entry)
            else:
                self.waiting.append(entry)
                self.size += entry.size
        if self.waiting:
            self.arrived.set()

    # ---- storing

    def put(self, batch: bytes, batch_id: str, calls: int, told: Losses | None = None) -> bool:
        """Store a batch that carries `told`; False when it is larger than the whole spool.  OSError: nothing stored."""
        if not ID.fullmatch(batch_id):
            raise ValueError(f"a batch id that cannot be a file's name: {batch_id!r}")
        entry = Entry(self._next_order(), calls, batch_id, on_disk(len(batch)))
        if entry.size > self.bound_bytes:
            self._leave_name(entry)
            return False
        while self.size + entry.size > self.bound_bytes or len(self.waiting) >= ENTRIES_MAX:
            self._drop_oldest()
        write_whole(self.path / entry.name(), batch)
        with self.lock:
            self.waiting.append(entry)
            self.size += entry.size
        self._forget(told)
        self.arrived.set()
        return True

    def losses(self) -> Losses:
        """What the next batch has to tell."""
        with self.lock:
            entries = tuple(self.untold)
        return Losses(len(entries), sum(entry.calls for entry in entries), entries)

    def _next_order(self) -> int:
        with self.lock:
            known = [entry.order for entry in (*list(self.waiting)[-1:], *self.untold)]
        return max([self.clock_ns(), *(order + 1 for order in known)])

    def _drop_oldest(self) -> None:
        with self.lock:
            if not self.waiting:
                return
            entry = self.waiting.popleft()
            self.size -= entry.size
        self._leave_name(entry)  # before the file goes: killed here, it is still there
        (self.path / entry.name()).unlink(missing_ok=True)

    def _leave_name(self, entry: Entry) -> None:
        (self.path / entry.name("dropped")).touch(mode=0o600)
        with self.lock:
            self.untold.append(entry)

    def _forget(self, told: Losses | None) -> None:
        for entry in told.entries if told else ():
            (self.path / entry.name("dropped")).unlink(missing_ok=True)
            with self.lock:
                self.untold.remove(entry)

    # ---- sending

    def oldest(self) -> tuple[Entry, bytes] | None:
        """The next batch to send; None: there is none."""
        while True:
            with self.lock:
                if not self.waiting:
                    self.arrived.clear()
                    return None
                entry = self.waiting[0]
            try:
                return entry, (self.path / entry.name()).read_bytes()
            except FileNotFoundError:  # dropped meanwhile, or by somebody's hand
                self._take_out(entry)

    def remove(self, entry: Entry) -> None:
        """The hub has it."""
        self._take_out(entry)
        (self.path / entry.name()).unlink(missing_ok=True)

    def set_aside(self, entry: Entry) -> None:
        """The hub will never have it."""
        self._take_out(entry)
        refused = self.path / "refused"
        try:
            (self.path / entry.name()).rename(refused / entry.name())
        except FileNotFoundError:
            return
        for old in sorted(refused.iterdir())[:-REFUSED_KEPT]:
            old.unlink(missing_ok=True)

    def _take_out(self, entry: Entry) -> None:
        with self.lock:
            if entry in self.waiting:
                self.waiting.remove(entry)
                self.size -= entry.size

    @property
    def count(self) -> int:
        """Batches that wait."""
        return len(self.waiting)


def on_disk(size: int) -> int:
    return -(-max(size, 1) // BLOCK_BYTES) * BLOCK_BYTES


def private(path: str, flags: int) -> int:
    """Nobody else's to read, whatever the umask and the directory's mode are."""
    return os.open(path, flags, 0o600)


def write_whole(path: Path, data: bytes) -> None:
    """`path` with `data`, whole or not at all."""
    aside = path.with_suffix(".new")
    try:
        with open(aside, "wb", opener=private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
