"""--calls: one JSON object a line, in the order calls were completed.

Idea: lines are gathered and written together, at the latest when FLUSH_S have passed or the program asks; a person
at a terminal sees each at once.  A reader that goes away is a BrokenPipeError, which the engine hands on and cli.py
ends quietly for.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

FLUSH_BYTES = 64 * 1024
FLUSH_S = 0.5
FIELDS = (
    "ts", "protocol", "client", "server", "method", "host", "path", "status", "request_bytes", "response_bytes",
    "latency_ms", "flags", "key", "outcome",
)  # fmt: skip

encode = json.JSONEncoder(ensure_ascii=True, separators=(", ", ": ")).encode


class CallPrinter:
    """Called with every call."""

    def __init__(self, out: TextIO | None = None, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.out = sys.stdout if out is None else out
        self.clock_s = clock_s
        self.at_once = self.out.isatty()
        self.lines: list[str] = []
        self.size = 0
        self.flushed_s = clock_s()
        self.calls = 0

    def __call__(self, call: dict[str, Any]) -> None:
        self.calls += 1
        line = encode({name: call[name] for name in FIELDS if name in call})
        self.lines.append(line)
        self.size += len(line)
        if self.at_once or self.size >= FLUSH_BYTES:
            self.flush()

    def flush_if_due(self) -> None:
        """Between two turns of the program."""
        if self.lines and self.clock_s() - self.flushed_s >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        lines, self.lines, self.size = self.lines, [], 0
        self.flushed_s = self.clock_s()
        if lines:
            self.out.write("\n".join(lines) + "\n")
            self.out.flush()
