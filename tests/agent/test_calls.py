"""--calls: lines of JSON, written together, and a reader that goes away."""

import io
import json

import pytest

from whimbrel.agent.calls import FIELDS, FLUSH_BYTES, FLUSH_S, CallPrinter

CALL = {
    "ts": 1.5, "protocol": "http", "client": "[::1]:1", "server": "10.0.0.1:80", "method": "GET", "host": "h",
    "path": "/{integer}", "status": 200, "request_bytes": 0, "response_bytes": 12, "latency_ms": 0.25, "flags": [],
}  # fmt: skip


class Out(io.StringIO):
    terminal = False
    flushes = 0

    def isatty(self) -> bool:
        return self.terminal

    def flush(self) -> None:
        self.flushes += 1


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_line_a_call_in_order_with_the_documented_fields() -> None:
    out = Out()
    printer = CallPrinter(out)
    printer(dict(CALL))
    printer({**CALL, "protocol": "redis", "key": "{other}", "outcome": "hit", "internal": 1})
    assert out.getvalue() == ""
    printer.flush()
    first, second = map(json.loads, out.getvalue().splitlines())
    assert first == CALL and list(first) == list(FIELDS[:12])
    assert (second["key"], second["outcome"], "internal" in second) == ("{other}", "hit", False)
    assert printer.calls == 2


def test_a_line_is_one_line_whatever_is_in_it() -> None:
    out = Out()
    printer = CallPrinter(out)
    printer({**CALL, "path": '/a\n\u2028\x1b[0m\ud800"\\'})
    printer.flush()
    assert out.getvalue().count("\n") == 1 and out.getvalue().isascii()
    assert json.loads(out.getvalue())["path"] == '/a\n\u2028\x1b[0m\ud800"\\'


def test_a_terminal_sees_each_at_once() -> None:
    out = Out()
    out.terminal = True
    printer = CallPrinter(out)
    printer(CALL)
    assert out.getvalue() and out.flushes == 1


def test_many_are_written_together() -> None:
    out, clock = Out(), Clock()
    printer = CallPrinter(out, clock)
    count = 0
    while not out.flushes:
        printer(CALL)
        count += 1
    assert FLUSH_BYTES // 400 < count < FLUSH_BYTES // 100
    printer(CALL)
    printer.flush_if_due()
    assert out.flushes == 1
    clock.now_s += FLUSH_S
    printer.flush_if_due()
    printer.flush_if_due()
    assert out.flushes == 2 and len(out.getvalue().splitlines()) == count + 1


def test_a_reader_that_went_away_is_told_once() -> None:
    class Gone(Out):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    printer = CallPrinter(Gone())
    printer(CALL)
    with pytest.raises(BrokenPipeError):
        printer.flush()
    printer.flush()  # nothing is left that would raise again at the end
