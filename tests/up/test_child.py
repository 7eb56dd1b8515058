import re
import signal
import sys
import time

import pytest

from whimbrel.up.child import LINE_BYTES_MOST, Child, Lines, Part, environment, exit_text

LONG = b"x" * (2 * LINE_BYTES_MOST + 1)

# what comes in, piece by piece; the lines; what is left at the end
FED = {
    "lines": ([b"a\nb\n"], ["a", "b"], []),
    "in pieces": ([b"a", b"b\nc", b"\n"], ["ab", "c"], []),
    "no end": ([b"a\nb"], ["a"], ["b"]),
    "empty lines": ([b"\n\n"], ["", ""], []),
    "carriage return": ([b"a\r\n"], ["a"], []),
    "no text": ([b"\xff\xfea\n"], ["��a"], []),
    "long": ([LONG + b"\n"], ["x" * LINE_BYTES_MOST, "x" * LINE_BYTES_MOST, "x"], []),
    "endless": ([LONG], ["x" * LINE_BYTES_MOST, "x" * LINE_BYTES_MOST], ["x"]),
}


@pytest.mark.parametrize("name", FED)
def test_bytes_become_lines(name: str) -> None:
    fed, lines, rest = FED[name]
    splitter = Lines()
    assert [line for data in fed for line in splitter.feed(data)] == lines
    assert list(splitter.rest()) == rest


def part(code: str = "", ready: str = "ready") -> Part:
    return Part("hub", (sys.executable, "-I", "-S", "-c", code), re.compile(ready))


def test_a_part_is_given_no_options_by_the_environment() -> None:
    given = {"PATH": "/bin", "WHIMBREL_MEMORY": "1g", "WHIMBREL_LISTEN": "0.0.0.0:1", "LANG": "C"}
    assert environment(given) == {"PATH": "/bin", "LANG": "C", "PYTHONUNBUFFERED": "1"}


@pytest.mark.parametrize(
    "code, text", [(0, "exit code 0"), (2, "exit code 2"), (-9, "signal SIGKILL"), (-40, "signal 40")]
)
def test_how_a_process_ended_is_said(code: int, text: str) -> None:
    assert exit_text(code) == text


@pytest.mark.parametrize(
    "line", ["open it", "hub: open it", "whimbrel: open it", "whimbrel: hub: open it", "demo: open it"]
)
def test_a_line_is_shown_without_what_the_log_says_anyway(line: str) -> None:
    assert part().shown(line) == "open it"


def test_a_part_says_that_it_is_ready_and_ends_when_asked() -> None:
    child = Child(part("import sys, time; print('at last, ready', flush=True); time.sleep(60)"))
    child.start(0, {})
    try:
        lines: list[str] = []
        end_s = time.monotonic() + 20
        while not child.ready and time.monotonic() < end_s:
            lines += child.read() or []
            time.sleep(0.01)
        assert lines == ["at last, ready"] and child.was_ready and child.settled
    finally:
        child.ask_to_end()
        assert child.process is not None
        assert child.process.wait(20) == -signal.SIGTERM
    assert child.ended() == -signal.SIGTERM
    assert child.rest() == []
    child.forget()
    assert not child.ready and child.was_ready and child.ended() is None
    child.kill()  # of what is no more changes nothing


def test_who_is_late_is_told_once() -> None:
    child = Child(part("import time; time.sleep(60)"))
    assert not child.late(1e9, 60)  # it does not even run
    child.start(0, {})
    try:
        assert not child.late(child.started_s + 59, 60)
        assert child.late(child.started_s + 61, 60) and not child.late(child.started_s + 62, 60)
        child.ready = True
        assert not child.late(child.started_s + 63, 60)
    finally:
        child.kill()
        assert child.process is not None
        assert child.process.wait(20) == -signal.SIGKILL
    child.forget()
