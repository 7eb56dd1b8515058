"""The loop around all parts: starts them, shows what they say, starts again what ends, ends all.

    start all -> everything is ready -> start the last ones -> …until a signal… -> end in reverse, one after the other

Idea: one thread, one poll.  Signals come as bytes in a socket (signal.set_wakeup_fd), so nothing happens between two
lines of this code; a second signal while ending kills the group at once.

A part that does not even start is told once: without one that is needed all ends, with exit code 1, without another
the rest goes on.  A part that ends later is started again, after a wait that doubles while it keeps ending.
"""

from __future__ import annotations

import selectors
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from types import FrameType

from whimbrel.up.child import Child, Part, exit_text
from whimbrel.up.guard import Guard
from whimbrel.up.log import Log

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_MOST_S = 60.0  # from a start to the line that says so: imports, on a machine that does other things too
WAIT_FIRST_S, WAIT_MOST_S = 0.5, 30.0
DOUBLINGS_MOST = 6  # to WAIT_MOST_S
SAME_S = 0.3  # signals so close were one request: a terminal's and a shell's, `timeout`'s and `make`'s
STEADY_S = 60.0  # who ran for so long did not fail in a row
LOOK_S = 1.0  # the longest time between two looks at everything
LAST_LINES_S = 1.0  # for whoever reads the log


def nohup() -> bool:
    """Somebody wants it to outlive the terminal."""
    return signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


class Supervisor:
    """All parts of one run."""

    def __init__(
        self,
        parts: Sequence[Part],
        log: Log,
        guard: Guard,
        environ: Mapping[str, str],
        on_ready: Callable[[], None] = lambda: None,
        on_look: Callable[[Supervisor], None] = lambda _: None,
    ) -> None:
        """`on_ready` is called once, when everything runs; `on_look` about every second from then on."""
        self.children = [Child(part) for part in parts]
        self.log, self.guard, self.environ = log, guard, environ
        self.on_ready, self.on_look = on_ready, on_look
        self.selector = selectors.PollSelector()  # a file or /dev/null as output is fine with poll, not with epoll
        self.announced = self.ending = self.hurry = False
        self.trouble = ""  # why all ends, where nobody asked for it
        self.looked_s = 0.0
        self.asked_s: float | None = None  # to end

    def run(self) -> int:
        """Until a signal, or until a part that is needed does not start; the exit code."""
        with ExitStack() as opened:
            opened.callback(self.selector.close)
            self.catch_signals(opened)
            for child in self.children:
                if not child.part.last:
                    self.start(child)
            while not self.ending:
                self.turn(self.wait_s())
                self.look()
            if self.trouble:
                self.log.say(f"{self.trouble}; ending the rest")
            self.end()
        self.log.finish(LAST_LINES_S)
        return 1 if self.trouble or self.hurry or self.log.closed else 0

    # ---- signals

    def catch_signals(self, opened: ExitStack) -> None:
        """Each becomes a byte to read; what was in force comes back at the end."""
        self.signals, writing = socket.socketpair()
        for end in (self.signals, writing):
            opened.enter_context(end)
            end.setblocking(False)
        self.selector.register(self.signals, selectors.EVENT_READ)
        opened.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False))
        heard = [number for number in STOP_SIGNALS if number != signal.SIGHUP or not nohup()]
        for number in (*heard, signal.SIGCHLD):
            opened.callback(signal.signal, number, signal.signal(number, self.caught))

    def caught(self, number: int, _frame: FrameType | None) -> None:
        """Only what cannot wait for the loop; ends of children are looked for in every turn."""
        if number == signal.SIGCHLD:
            return
        now_s = time.monotonic()
        if self.asked_s is None:
            self.asked_s, self.ending = now_s, True
        elif number != signal.SIGHUP and now_s - self.asked_s > SAME_S:
            self.hurry = True
            self.guard.kill()

    # ---- one turn

    def wait_s(self) -> float:
        """Until something is due."""
        due = [child.due_s for child in self.children if child.due_s is not None]
        return min([LOOK_S, *(max(0.0, at - time.monotonic()) for at in due)])

    def turn(self, wait_s: float) -> None:
        """What has happened: signals, lines, ends; and what is due."""
        self.want_room(bool(self.log.pending))
        for key, _ in self.selector.select(wait_s):
            if isinstance(key.data, Child):
                self.show(key.data)
            elif key.fileobj is self.signals:
                self.signals.recv(4096)
        self.reap()
        self.log.flush()
        if self.log.closed:
            self.ending = True

    def want_room(self, wanted: bool) -> None:
        """Be woken when the log can be written."""
        registered = self.log.output in self.selector.get_map()
        if wanted and not registered:
            self.selector.register(self.log.output, selectors.EVENT_WRITE)
        elif registered and not wanted:
            self.selector.unregister(self.log.output)

    def show(self, child: Child) -> None:
        lines = child.read()
        if lines is None:  # it closed its output; its end comes, or does not
            self.selector.unregister(child.output)
            return
        for line in lines:
            self.log.line(child.part.name, line)

    def reap(self) -> None:
        for child in self.children:
            code = child.ended()
            if code is None:
                continue
            for line in child.rest():
                self.log.line(child.part.name, line)
            if child.output in self.selector.get_map():
                self.selector.unregister(child.output)
            child.forget()
            if not self.ending:
                self.fallen(child, exit_text(code))
            elif code not in (0, -signal.SIGTERM):  # the second is an end before it listened to signals
                self.log.say(f"{child.part.name} ended: {exit_text(code)}")

    # ---- starting

    def start(self, child: Child) -> None:
        try:
            child.start(self.guard.group, self.environ)
        except OSError as error:  # no memory, too many processes
            self.fallen(child, error.strerror or str(error))
            return
        self.selector.register(child.output, selectors.EVENT_READ, child)

    def look(self) -> None:
        """What is due, and what is overdue."""
        now_s = time.monotonic()
        for child in self.children:
            if self.ending:
                return
            if child.due_s is not None and now_s >= child.due_s:
                self.start(child)
            elif child.late(now_s, READY_MOST_S):  # not killed: it may be migrating an archive
                self.log.say(f"{child.part.name} is not ready after {READY_MOST_S:g} s; still waiting for it")
        self.announce()
        if self.announced and now_s - self.looked_s >= LOOK_S:
            self.looked_s = now_s
            self.on_look(self)

    def announce(self) -> None:
        if self.announced or not all(child.settled for child in self.children if not child.part.last):
            return
        self.announced = True
        for child in self.children:
            if child.part.last:
                self.start(child)
        self.on_ready()

    def fallen(self, child: Child, how: str) -> None:
        """A part has ended that nobody asked to."""
        name = child.part.name
        if child.was_ready:
            wait_s = self.backoff_s(child)
            child.due_s = time.monotonic() + wait_s
            self.log.say(f"{name} ended: {how}; it is started again in {wait_s:g} s")
            return
        why = f"{name} did not start: {how}" + (f": {child.last_line}" if child.last_line else "")
        if child.part.needed:
            self.trouble, self.ending = why, True
        else:
            child.given_up = True
            self.log.say(f"{why}; going on without it")

    def backoff_s(self, child: Child) -> float:
        """How long a part that ended waits; the shorter, the longer it ran."""
        if time.monotonic() - child.started_s >= STEADY_S:
            child.failures = 0
        wait_s: float = min(WAIT_FIRST_S * 2.0 ** min(child.failures, DOUBLINGS_MOST), WAIT_MOST_S)
        child.failures += 1
        return wait_s

    def restart(self, name: str) -> None:
        """Ask a part to end and start it again at once, where it runs."""
        for child in self.children:
            if child.part.name == name and child.process is not None:
                child.ask_to_end()

    # ---- ending

    def end(self) -> None:
        """In reverse, one after the other, so that each can still use those before it."""
        if self.asked_s is not None:
            self.log.say("ending; once more ends everything at once")
        for child in reversed(self.children):
            self.end_one(child)
        for child in self.children:
            if child.process is not None:  # there was no time to wait for it
                child.process.wait()
                child.forget()

    def end_one(self, child: Child) -> None:
        if child.process is None:
            return
        child.ask_to_end()
        end_s = time.monotonic() + child.part.stop_s
        while child.process is not None and not self.hurry:
            if time.monotonic() > end_s:
                self.log.say(f"{child.part.name} did not end in {child.part.stop_s:g} s: killed")
                child.kill()
                end_s += child.part.stop_s
            self.turn(min(LOOK_S, max(0.0, end_s - time.monotonic())))
