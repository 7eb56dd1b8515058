"""Windows to where they go: a batch each, to the --out file and into the spool.

    close_window() -> [queue] -> encode -> --out, appended and flushed
                                        -> spool, from which upload.py sends

Idea: reading a file there is time, and a window is delivered before the next packet is read; live, a thread of its own
encodes and stores, and the capture goes on.  When that thread is behind by QUEUE_WINDOWS (a disk that hangs), further
windows are lost.  What is lost on the way (such windows, batches that could not be stored, that the spool dropped or
that the hub refused) is told by the next batch; and since a schema is told once, `lost_any` asks for all of them anew.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

from whimbrel.agent.spool import Losses, Spool
from whimbrel.summary.batch import Batch

Window = dict[str, Any]
QUEUE_WINDOWS = 2
QUIET_WINDOWS = 3  # an interface with no traffic is told every so many, so that the hub knows the agent is there
FINISH_S = 30.0  # for the thread to store what is queued, at the end


@dataclass
class Lost:
    """What no batch has told yet."""

    batches: int = 0
    calls: int = 0

    def __bool__(self) -> bool:
        return self.batches > 0


def calls_of(window: Window) -> int:
    return sum(row["calls"] for endpoint in window["endpoints"] for row in endpoint["rows"])


def is_empty(window: Window) -> bool:
    """Nothing happened and nothing changed, and nobody waits for a sign."""
    return not (window.get("sign") or window["endpoints"] or window["edges"] or window["reuse"] or window["aliases"])


def append(out: BinaryIO, record: bytes) -> None:
    """The whole record, or nothing of it: what is behind it in the file must be found."""
    begin = out.seek(0, os.SEEK_END) if out.seekable() else None
    left = memoryview(record)
    try:
        while left:
            left = left[out.write(left) :]
    except OSError:
        if begin is not None:
            with suppress(OSError):
                out.truncate(begin)
        raise


class Delivery:
    """One window after the other, in the caller's thread."""

    def __init__(self, agent: str, out: BinaryIO | None, spool: Spool | None, tell: Callable[[str], None]) -> None:
        self.agent, self.out, self.spool, self.tell = agent, out, spool, tell
        self.lost = Lost()
        self.batches = 0
        self.trouble = ""
        self.lost_since = False  # since lost_any() was asked

    def window(self, window: Window) -> None:
        """Store it; whatever goes wrong is a loss that is told later."""
        told = Losses() if self.spool is None else self.spool.losses()
        if is_empty(window) and not told.batches and not self.lost:
            return
        lost, self.lost = self.lost, Lost()
        batch = Batch.of(self.agent, window, told.batches + lost.batches, told.calls + lost.calls)
        self.lost_since = self.lost_since or told.batches > 0
        try:
            self._store(batch, told)
        except OSError as error:
            self.lose(lost.batches + 1, lost.calls + batch.calls)
            self._say(f"a batch cannot be stored: {error.strerror}")
        else:
            self.trouble = ""

    def lose(self, batches: int, calls: int) -> None:
        self.lost.batches += batches
        self.lost.calls += calls
        self.lost_since = True

    def lost_any(self) -> bool:
        """Something was lost since this was asked last."""
        lost, self.lost_since = self.lost_since, False
        return lost

    @property
    def failed(self) -> bool:
        """There is a loss that no batch has told."""
        return bool(self.lost)

    def _store(self, batch: Batch, told: Losses) -> None:
        data = batch.encode()
        if self.spool is not None:
            self.spool.put(data, batch.id, batch.calls, told)
        if self.out is not None:
            append(self.out, data)
        self.batches += 1

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.tell(trouble)
        self.trouble = trouble

    def finish(self) -> None:
        """Everything is stored when this returns."""


class Behind:
    """The same from a thread, so that neither encoding nor a disk holds up the capture."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.queue: queue.Queue[Window | None] = queue.Queue(QUEUE_WINDOWS)
        self.thread = threading.Thread(target=self._run, name="delivery", daemon=True)
        self.overrun = Lost()
        self.quiet = 0  # windows in a row
        self.thread.start()

    def window(self, window: Window) -> None:
        """Never waits."""
        self.quiet = self.quiet + 1 if is_empty(window) else 0
        if self.quiet % QUIET_WINDOWS:
            return
        if self.quiet:
            window = {**window, "sign": True}
        if self.overrun and not self.queue.full():
            window = {**window, "overrun": self.overrun}
        try:
            self.queue.put_nowait(window)
        except queue.Full:
            self.lose(1, calls_of(window))
        else:
            if "overrun" in window:
                self.overrun = Lost()

    def lose(self, batches: int, calls: int) -> None:
        """Called by who calls window(); told with the next one that is taken."""
        self.overrun = Lost(self.overrun.batches + batches, self.overrun.calls + calls)

    def lost_any(self) -> bool:
        return self.delivery.lost_any() or bool(self.overrun)

    @property
    def failed(self) -> bool:
        return self.delivery.failed or bool(self.overrun)

    def _run(self) -> None:
        while (window := self.queue.get()) is not None:
            overrun = window.get("overrun")
            if overrun is not None:
                self.delivery.lose(overrun.batches, overrun.calls)
            self.delivery.window(window)

    def finish(self) -> None:
        """What is queued is stored, unless the disk hangs."""
        try:
            self.queue.put(None, timeout=FINISH_S)
        except queue.Full:
            return
        self.thread.join(FINISH_S)
