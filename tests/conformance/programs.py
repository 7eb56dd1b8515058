"""Programs of ours as processes: started, waited for by what they say, ended by their own id."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .watching import plain_environment

START_S, STOP_S = 60.0, 30.0


@dataclass
class Program:
    process: subprocess.Popen[bytes]
    log: Path  # both of its outputs

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Until it says so."""
        deadline = time.monotonic() + START_S
        while not (found := re.search(pattern, self.said())):
            assert self.process.poll() is None and time.monotonic() < deadline, self.said()
            time.sleep(0.02)
        return found

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> None:
        """As a person would; it must end well."""
        if self.process.poll() is None:
            self.send(signal.SIGTERM)
        assert self.process.wait(STOP_S) == 0, self.said()

    def ended(self, seconds: float) -> None:
        """By itself."""
        assert self.process.wait(seconds) == 0, self.said()


@contextmanager
def program(place: Path, name: str, module: str, *arguments: str) -> Iterator[Program]:
    """`python -m module`, with its log at place/name.log; killed at the end if the test has not ended it."""
    log = place / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command(module, arguments), stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=plain_environment()
        )
    try:
        yield Program(process, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(STOP_S)


def command(module: str, arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", module, *arguments]
