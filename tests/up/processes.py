"""Processes for these tests: `whimbrel up`, or a supervisor of made-up parts, and what they print."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.server.serving import SOURCE, environment
from whimbrel.up.guard import others

WAIT_S = 40.0  # imports on a busy machine
SUPERVISED = Path(__file__).with_name("supervised.py")


class Running:
    """A process that leads a tree of others."""

    def __init__(self, argv: Sequence[str], output: Path, **more: Any) -> None:
        self.output = output
        with output.open("wb") as file:
            usual = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file, "env": environment()}
            self.process: subprocess.Popen[bytes] = subprocess.Popen(argv, **{**usual, **more})

    def said(self) -> str:
        return self.output.read_text()

    def until(self, pattern: str, count: int = 1) -> list[re.Match[str]]:
        """Until so many lines match: those."""
        wanted = re.compile(pattern, re.MULTILINE)
        self.wait_for(lambda: len(wanted.findall(self.said())) >= count, pattern)
        return list(wanted.finditer(self.said()))

    def wait_for(self, holds: Callable[[], bool], what: str) -> None:
        end_s = time.monotonic() + WAIT_S
        while not holds():
            assert self.process.poll() is None or holds(), f"{what}: it ended\n{self.said()}"
            assert time.monotonic() < end_s, f"{what}\n{self.said()}"
            time.sleep(0.02)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.send(number)
        return self.code()

    def code(self) -> int:
        return self.process.wait(WAIT_S)

    def group(self) -> int:
        """The process group of the parts: that of the process which leads one of its own."""
        mine = [pid for pid in map(int, children_of(self.process.pid)) if os.getpgid(pid) == pid]
        assert len(mine) == 1, mine
        return mine[0]


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def gone(group: int) -> bool:
    """Nobody is in the process group any more."""
    return not others(group)


def wait_until(holds: Callable[[], bool], wait_s: float = WAIT_S) -> bool:
    end_s = time.monotonic() + wait_s
    while not holds() and time.monotonic() < end_s:
        time.sleep(0.02)
    return holds()


@contextmanager
def up(output: Path, *arguments: str, before: Sequence[str] = (), **more: Any) -> Iterator[Running]:
    """`whimbrel up`, ended when the block is left."""
    with ended(Running([*before, sys.executable, "-m", "whimbrel", "up", *arguments], output, **more)) as running:
        yield running


@contextmanager
def supervised(output: Path, *parts: dict[str, Any], **more: Any) -> Iterator[Running]:
    """A supervisor of these parts (supervised.py)."""
    root = str(SOURCE.parent)
    argv = [sys.executable, str(SUPERVISED), json.dumps(parts)]
    env = {**environment(), "PYTHONPATH": os.pathsep.join([str(SOURCE), root])}
    with ended(Running(argv, output, **{"env": env, **more})) as running:
        yield running


@contextmanager
def ended(running: Running) -> Iterator[Running]:
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.send(signal.SIGTERM)
            try:
                running.code()
            except subprocess.TimeoutExpired:
                running.send(signal.SIGKILL)
                running.code()
