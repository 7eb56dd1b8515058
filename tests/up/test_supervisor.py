"""The loop around parts: made-up ones, in a process tree of their own."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.up.processes import gone, supervised, wait_until
from whimbrel.up.child import Child, Part
from whimbrel.up.guard import Guard
from whimbrel.up.log import Log
from whimbrel.up.supervisor import STEADY_S, WAIT_MOST_S, Supervisor

STAYS = """
import os, signal, sys
def end(*_):
    print("leaving"); sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", os.getpid())
while True: signal.pause()
"""
DEAF = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", os.getpid())
while True: signal.pause()
"""
FAILS = "import sys; print('no such thing'); sys.exit(3)"
HAS_A_CHILD = """
import os, signal
child = os.fork()
if child: print("ready", os.getpid(), child)
while True: signal.pause()
"""


def pid_of(match: re.Match[str]) -> int:
    return int(match[0].split()[2])


def test_parts_start_in_order_and_end_in_reverse(tmp_path: Path) -> None:
    parts = ({"name": "a", "code": STAYS}, {"name": "b", "code": STAYS}, {"name": "c", "code": STAYS, "last": True})
    with supervised(tmp_path / "log", *parts) as running:
        running.until("^c: ready")
        group = running.group()
        assert running.end() == 0
        assert gone(group)
    said = running.said()
    assert said.index("a: ready") < said.index("up: all ready") and said.index("b: ready") < said.index("up: all ready")
    assert said.index("up: all ready") < said.index("c: ready")
    assert re.findall(r"^(\w): leaving", said, re.MULTILINE) == ["c", "b", "a"]


def test_a_part_that_is_killed_starts_again(tmp_path: Path) -> None:
    with supervised(tmp_path / "log", {"name": "a", "code": STAYS}, {"name": "b", "code": STAYS}) as running:
        running.until("^up: all ready")
        (first,) = running.until("^a: ready .*")
        os.kill(pid_of(first), signal.SIGKILL)
        _, second = running.until("^a: ready .*", 2)
        assert pid_of(second) != pid_of(first)
        assert running.end(signal.SIGINT) == 0
    assert "up: a ended: signal SIGKILL; it is started again in 0.5 s\n" in running.said()
    assert running.said().count("all ready") == 1


def test_without_a_part_that_is_needed_all_ends(tmp_path: Path) -> None:
    with supervised(tmp_path / "log", {"name": "a", "code": STAYS}, {"name": "b", "code": FAILS}) as running:
        assert running.code() == 1
    assert "up: b did not start: exit code 3: no such thing; ending the rest\n" in running.said()
    assert "all ready" not in running.said()


def test_without_another_the_rest_goes_on(tmp_path: Path) -> None:
    parts = ({"name": "a", "code": STAYS}, {"name": "b", "code": FAILS, "needed": False})
    with supervised(tmp_path / "log", *parts) as running:
        running.until("^up: all ready")
        assert running.end() == 0
    assert "up: b did not start: exit code 3: no such thing; going on without it\n" in running.said()


def test_a_part_that_does_not_end_is_killed(tmp_path: Path) -> None:
    with supervised(tmp_path / "log", {"name": "a", "code": DEAF, "stop_s": 0.2}) as running:
        running.until("^up: all ready")
        assert running.end() == 0
    assert "up: a did not end in 0.2 s: killed\nup: a ended: signal SIGKILL\n" in running.said()


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    with supervised(tmp_path / "log", {"name": "a", "code": DEAF, "stop_s": 1000}) as running:
        running.until("^up: all ready")
        group = running.group()
        running.send(signal.SIGINT)
        running.send(signal.SIGINT)  # within the time in which it counts as the same
        running.until("^up: ending")
        time.sleep(0.4)
        assert running.process.poll() is None
        assert running.end(signal.SIGINT) == 1
        assert gone(group)


def test_when_it_is_killed_nothing_is_left(tmp_path: Path) -> None:
    with supervised(tmp_path / "log", {"name": "a", "code": STAYS}, {"name": "b", "code": HAS_A_CHILD}) as running:
        running.until("^up: all ready")
        group = running.group()
        assert not gone(group)
        running.end(signal.SIGKILL)
        assert wait_until(lambda: gone(group))
        assert wait_until(lambda: not Path(f"/proc/{group}").exists() or state_of(group) == "Z")


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_without_a_reader_all_ends(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with supervised(tmp_path / "log", {"name": "a", "code": STAYS}, stdout=writing) as running:
        os.close(writing)
        with os.fdopen(reading, "rb") as reader:
            assert reader.readline().startswith(b"a: ready")
            assert reader.readline().startswith(b"up: all ready")
            group = running.group()
        running.send(signal.SIGTERM)  # what it says then has nobody to read it
        assert running.code() == 1
        assert gone(group)


def part(**more: object) -> Part:
    return Part("a", (sys.executable, "-c", ""), re.compile("ready"), **more)  # type: ignore[arg-type]


def test_waits_double_while_a_part_keeps_ending() -> None:
    with Guard() as guard:
        loop = Supervisor([part()], Log(1, {}, {}), guard, {})
        (child,) = loop.children
        child.started_s = time.monotonic()
        assert [loop.backoff_s(child) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, WAIT_MOST_S, WAIT_MOST_S]
        child.started_s -= STEADY_S
        assert loop.backoff_s(child) == 0.5


def test_a_program_that_cannot_be_started_is_a_part_that_did_not_start(tmp_path: Path) -> None:
    with Guard() as guard:
        loop = Supervisor([part()], Log(1, {}, {}), guard, {})
        child = Child(Part("a", (str(tmp_path / "absent"),), re.compile("ready")))
        loop.start(child)
        assert loop.trouble == "a did not start: No such file or directory" and loop.ending


@pytest.mark.parametrize("end_of_line", ["", "\n"])
def test_what_a_part_said_last_is_shown(tmp_path: Path, end_of_line: str) -> None:
    code = f"import sys; sys.stdout.write('x' * 20000 + chr(10) + 'last words' + {end_of_line!r}); sys.exit(1)"
    with supervised(tmp_path / "log", {"name": "a", "code": code}) as running:
        assert running.code() == 1
    assert "\na: last words\nup: a did not start: exit code 1: last words; ending the rest\n" in running.said()
    assert sum(line.count("x") for line in running.said().splitlines() if line.startswith("a: x")) == 20000
