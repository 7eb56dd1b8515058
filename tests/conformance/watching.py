"""`whimbrel watch` for the conformance tests: in this process over bytes, or as the command it is."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from .servers import child_environment

CAPTURES = Path(__file__).resolve().parents[3] / "shared" / "data" / "captures"
ARENA_BYTES = 24 << 20
KEY = bytes(range(32))
RUN_S = 60.0

Call = dict[str, Any]


@dataclass
class Seen:
    """What the engine said about a capture."""

    calls: list[Call] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    windows: list[dict[str, Any]] = field(default_factory=list)

    def pairs(self) -> list[tuple[Any, ...]]:
        return [identity(call) for call in self.calls]


def identity(call: Call) -> tuple[Any, ...]:
    """What a call is, without when it was."""
    names = ("protocol", "client", "server", "method", "host", "path", "key", "status", "outcome",
             "request_bytes", "response_bytes")  # fmt: skip
    return (*(call.get(name) for name in names), tuple(sorted(call["flags"])))


def see(capture: bytes, *, reveal: bool = True, budget: int = 4096) -> Seen:
    """A capture through the engine, in this process."""
    from whimbrel.agent.engine import Engine
    from whimbrel.capture.files import open_capture

    seen = Seen()
    engine = Engine(arena_bytes=ARENA_BYTES, key=KEY, reveal_calls=10, reveal=reveal, on_call=seen.calls.append)
    with open_capture(io.BytesIO(capture)) as reader:
        while engine.read(reader, None, budget):
            if engine.window_due():
                seen.windows.append(engine.close_window())
    engine.finish()
    seen.windows.append(engine.close_window())
    seen.counts = dict(engine.counts())
    return seen


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "whimbrel", "watch", *arguments]


def plain_environment() -> dict[str, str]:
    """Without anybody's settings of ours; but for the memory that a sanitizer run asks for."""
    kept = "WHIMBREL_MEMORY"
    return {
        name: text for name, text in child_environment().items() if not name.startswith("WHIMBREL_") or name == kept
    }


def run(*arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """The command to its end."""
    environment = plain_environment()
    return subprocess.run(
        command(*arguments), input=stdin, capture_output=True, env=environment, timeout=RUN_S, check=False
    )


def printed_calls(done: subprocess.CompletedProcess[bytes]) -> list[Call]:
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return [json.loads(line) for line in done.stdout.splitlines()]


def captures(pattern: str) -> list[Path]:
    return sorted(CAPTURES.glob(pattern))


def needs_captures() -> None:
    if not CAPTURES.is_dir():
        pytest.skip(f"no captures at {CAPTURES.parent.parent.name}/data/captures beside this checkout")
