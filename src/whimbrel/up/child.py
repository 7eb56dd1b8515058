"""A part as a process: started, listened to, ended.

Idea: a part says on its log that it is ready, as it does to people: the pattern that recognises the line also takes
the address out of it.  Nothing here waits; supervisor.py has the one loop.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

READ_BYTES = 1 << 16  # of a pipe at a time: what it holds
LINE_BYTES_MOST = 8192  # longer ones are shown in pieces

PASSED_OVER = "WHIMBREL_"  # options of `up`, or of a program by itself: parts are told everything on their command line


@dataclass(frozen=True, slots=True)
class Part:
    """One row: what runs, and what its end means."""

    name: str
    argv: tuple[str, ...]
    ready: re.Pattern[str]  # of the line it prints when it does its work
    style: str = ""  # of its name on a terminal
    needed: bool = True  # without it nothing is left that would be worth starting
    last: bool = False  # started when all others are ready
    stop_s: float = 10.0  # to end by itself

    @property
    def own_marks(self) -> tuple[str, ...]:
        """How its lines may begin already."""
        return ("whimbrel: ", "demo: ", f"{self.name}: ")

    def shown(self, line: str) -> str:
        """A line without what the log says anyway."""
        for mark in self.own_marks:
            line = line.removeprefix(mark)
        return line


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """A part's: without options, and with lines that come when they are printed."""
    kept = {name: value for name, value in environ.items() if not name.startswith(PASSED_OVER)}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def exit_text(code: int) -> str:
    """How a process ended, as the end of a sentence."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


@dataclass
class Lines:
    """Bytes as they come, lines as they are complete."""

    held: bytes = b""

    def feed(self, data: bytes) -> Iterator[str]:
        *whole, self.held = (self.held + data).split(b"\n")
        for line in whole:
            yield from pieces(line)
        while len(self.held) > LINE_BYTES_MOST:
            yield self.held[:LINE_BYTES_MOST].decode(errors="replace")
            self.held = self.held[LINE_BYTES_MOST:]

    def rest(self) -> Iterator[str]:
        """What has no end of line, and gets none any more."""
        held, self.held = self.held, b""
        if held:
            yield from pieces(held)


def pieces(line: bytes) -> Iterator[str]:
    line = line.removesuffix(b"\r")
    for start in range(0, max(len(line), 1), LINE_BYTES_MOST):
        yield line[start : start + LINE_BYTES_MOST].decode(errors="replace")


@dataclass
class Child:
    """A part and the process that is it now, if one is."""

    part: Part
    process: subprocess.Popen[bytes] | None = None
    lines: Lines = field(default_factory=Lines)
    started_s: float = 0.0
    ready: bool = False
    was_ready: bool = False  # at some time
    given_up: bool = False
    failures: int = 0  # in a row
    due_s: float | None = None  # when it is to be started
    last_line: str = ""
    late_told: bool = False

    def start(self, group: int, environ: Mapping[str, str]) -> None:
        self.due_s, self.ready, self.lines, self.late_told = None, False, Lines(), False
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(
            self.part.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(environ),
            process_group=group,
        )
        os.set_blocking(self.output, False)

    @property
    def output(self) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    @property
    def settled(self) -> bool:
        """There is nothing to wait for before it can be said that everything runs."""
        return self.ready or self.given_up

    def late(self, now_s: float, most_s: float) -> bool:
        """It runs and has not said for so long that it is ready; true once."""
        overdue = self.process is not None and not self.ready and now_s - self.started_s > most_s
        late = overdue and not self.late_told
        self.late_told = overdue
        return late

    def take(self) -> bytes | None:
        """What there is to read; empty: there will be no more, None: there is nothing now."""
        try:
            return os.read(self.output, READ_BYTES)
        except BlockingIOError:
            return None

    def read(self) -> list[str] | None:
        """Lines that have come; None: there will be no more."""
        data = self.take()
        if data == b"":
            return None
        return [self.seen(line) for line in self.lines.feed(data or b"")]

    def seen(self, line: str) -> str:
        line = self.part.shown(line)
        if line.strip():
            self.last_line = line
        if not self.ready and self.part.ready.search(line):
            self.ready = self.was_ready = True
        return line

    def rest(self) -> list[str]:
        """What is left to read of a process that has ended."""
        found: list[str] = []
        while data := self.take():
            found += self.lines.feed(data)
        return [self.seen(line) for line in (*found, *self.lines.rest())]

    def ended(self) -> int | None:
        """The exit code of a process that is no more; negative: a signal's number."""
        return None if self.process is None else self.process.poll()

    def forget(self) -> None:
        """The process has ended, and was read to its end."""
        assert self.process is not None
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process, self.ready = None, False

    def ask_to_end(self) -> None:
        if self.process is not None:
            self.process.terminate()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
