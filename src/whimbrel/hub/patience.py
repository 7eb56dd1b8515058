"""How a question is stopped from outside: by another thread, between two statements or in the middle of one.

    event loop                      thread
    patience = Patience()     ->    with patience.asked():
                                        archive.statuses(...)    each statement runs `with interruptible(cursor)`
    patience.give_up()        ->            ... which is interrupted, and the next one does not begin

Idea: whoever runs statements registers how the running one is interrupted, for its thread; a question that nobody
bounded runs without.  What takes long between statements asks whether to go on.  Deliberately not: a timer of its own,
which the event loop has.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from whimbrel.hub.archive import ArchiveError

_here = threading.local()


class TooSlowError(ArchiveError):
    """The question took longer than it may."""


class Patience:
    """Of one question."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: list[Callable[[], None]] = []
        self.spent = False

    @contextmanager
    def asked(self) -> Iterator[None]:
        """In the thread that works on it."""
        _here.patience = self
        try:
            yield
        finally:
            _here.patience = None

    def give_up(self) -> None:
        """From any thread."""
        with self.lock:
            self.spent = True
            for interrupt in self.running:
                interrupt()

    def check(self) -> None:
        if self.spent:
            raise TooSlowError("the question took too long")

    @contextmanager
    def running_one(self, interrupt: Callable[[], None]) -> Iterator[None]:
        with self.lock:
            self.check()
            self.running.append(interrupt)
        try:
            yield
        finally:
            with self.lock:
                self.running.remove(interrupt)


@contextmanager
def interruptible(interrupt: Callable[[], None]) -> Iterator[None]:
    """Around the statements of one cursor."""
    patience: Patience | None = getattr(_here, "patience", None)
    if patience is None:
        yield
        return
    with patience.running_one(interrupt):
        yield


def go_on() -> None:
    """TooSlowError where nobody waits for this thread's question any more."""
    patience: Patience | None = getattr(_here, "patience", None)
    if patience is not None:
        patience.check()
