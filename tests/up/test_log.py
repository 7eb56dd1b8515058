import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest

from whimbrel.up.log import PENDING_MOST, Log

STYLES = {"serve": "32", "hub": "36"}


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing):
        yield reading, writing


def test_in_a_pipe_a_line_has_a_name_and_no_colour(pipe: tuple[int, int]) -> None:
    log = Log(pipe[1], STYLES, {})
    log.line("hub", "open http://127.0.0.1:9800/")
    log.say("ending")
    log.flush()
    assert os.read(pipe[0], 4096) == b"hub: open http://127.0.0.1:9800/\nup: ending\n"


@pytest.mark.parametrize(
    "environ, shown",
    [
        ({}, "\x1b[36mhub   \x1b[0m ready\r\n\x1b[1mup    \x1b[0m é\r\n"),
        ({"NO_COLOR": "1"}, "hub    ready\r\nup     é\r\n"),
    ],
)
def test_on_a_terminal_names_are_columns_in_colour(environ: dict[str, str], shown: str) -> None:
    reading, writing = pty.openpty()
    try:
        log = Log(writing, STYLES, environ)
        log.line("hub", "ready")
        log.say("é")
        log.flush()
        assert os.read(reading, 4096).decode() == shown
    finally:
        os.close(reading)
        os.close(writing)


def test_what_a_part_prints_does_not_move_the_cursor(pipe: tuple[int, int]) -> None:
    log = Log(pipe[1], STYLES, {})
    log.line("hub", "a\x1b[2Jb\x9bc\rd\te\x00\udc80")
    log.flush()
    assert os.read(pipe[0], 4096) == b"hub: a\\x1b[2Jb\\x9bc\\x0dd\te\\x00?\n"


def test_a_reader_that_has_stopped_holds_up_nobody(pipe: tuple[int, int]) -> None:
    log = Log(pipe[1], STYLES, {})
    lines = [f"{number:0>99}" for number in range(PENDING_MOST + 2000)]
    for line in lines:
        log.line("hub", line)
        log.flush()
    assert log.dropped > 0 and len(log.pending) == PENDING_MOST
    dropped, got = log.dropped, bytearray()
    while log.pending:
        got += os.read(pipe[0], 1 << 16)
        log.flush()
    log.line("hub", "the next")
    log.finish(0.0)
    got += os.read(pipe[0], 1 << 16)
    shown = got.decode().splitlines()
    assert shown[: len(lines) - dropped] == [f"hub: {line}" for line in lines[: len(lines) - dropped]]
    assert shown[len(lines) - dropped :] == [
        f"up: {dropped} lines are not shown: they came faster than they were read",
        "hub: the next",
    ]


def test_a_reader_that_has_gone_is_noticed() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing):
        log = Log(writing, STYLES, {})
        log.say("hello")
        log.flush()
        assert log.closed and not log.pending
        log.say("hello?")
        assert not log.pending  # or the loop would be woken for them for ever


def test_a_full_disk_is_no_reason_to_end() -> None:
    handle = os.open("/dev/full", os.O_WRONLY)
    try:
        log = Log(handle, STYLES, {})
        log.say("hello")
        log.flush()
        assert (log.closed, log.dropped) == (False, 1)
    finally:
        os.close(handle)


def test_a_file_takes_everything(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        log = Log(file.fileno(), STYLES, {})
        log.line("serve", "x" * 10_000)
        log.finish(1.0)
    assert (tmp_path / "log").read_text() == f"serve: {'x' * 10_000}\n"
