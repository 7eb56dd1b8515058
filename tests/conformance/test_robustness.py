"""Starting, stopping, dying and starting again."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from .conftest import OURS, Starter
from .servers import child_environment, free_port, whimbrel_command
from .wire import Wire, resp

pytestmark = [pytest.mark.clients, pytest.mark.skipif(not OURS, reason="WHIMBREL_TEST_AGAINST=original")]


def refused(*arguments: str) -> str:
    """The one line with which a start is refused; never because a server runs here already."""
    if "--listen" not in arguments:
        arguments = (*arguments, "--listen", "127.0.0.1:0")
    done = subprocess.run(
        whimbrel_command(*arguments), capture_output=True, text=True, timeout=30, env=child_environment(), check=False
    )
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_stops_at_once_when_idle(start: Starter) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        server = start("--memory", "64MiB")
        with Wire(server.address) as wire:
            assert wire.ask(b"mn") == b"MN"
            server.process.send_signal(number)
            assert server.process.wait(10) == 0
            assert wire.rest() == b""


def test_replies_in_flight_arrive_before_the_end(start: Starter) -> None:
    """Whatever was answered when SIGTERM came arrives whole: the stream ends between two replies."""
    server = start("--memory", "64MiB")
    value = b"x" * 5000
    reply = b"VALUE key 0 5000\r\n" + value + b"\r\nEND\r\n"
    with Wire(server.address) as wire:
        wire.send(b"set key 0 0 5000\r\n" + value + b"\r\n")
        assert wire.line() == b"STORED"
        sender = threading.Thread(target=wire.send, args=(b"get key\r\n" * 2000,))
        sender.start()
        got = wire.read(len(reply))
        server.process.send_signal(signal.SIGTERM)
        got += wire.rest()
        sender.join(10)
    assert server.process.wait(10) == 0
    assert len(got) % len(reply) == 0 and got == reply * (len(got) // len(reply))


@pytest.mark.parametrize("request_", [b"get secret\r\n", b"mg secret v\r\n", resp("GET", "secret")], ids=repr)
def test_replies_of_the_departed_reach_nobody_else(start: Starter, request_: bytes) -> None:
    """A client asks for much and is gone when the answer comes: its rest is thrown away, not sent to the next."""
    server = start("--memory", "64MiB", "--threads", "1")
    secret = b"s" * 50_000
    with Wire(server.address) as other:
        other.send(b"set secret 0 0 %d\r\n%b\r\n" % (len(secret), secret))
        assert other.line() == b"STORED"
        for i in range(200):
            with Wire(server.address) as departing:
                departing.send(request_ * 60)
            if i % 2:
                time.sleep(0.001)
            assert other.ask(b"incr missing 1") == b"NOT_FOUND"
            assert other.pending == b""


def test_a_client_that_never_reads_does_not_hold_up_the_stop(start: Starter) -> None:
    server = start("--memory", "64MiB")
    with Wire(server.address) as wire:
        wire.send(b"set big 0 0 1000000\r\n" + b"x" * 1000000 + b"\r\n")
        assert wire.line() == b"STORED"
        wire.send(b"get big\r\n" * 1000)
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0


def test_same_port_again_after_kill(start: Starter) -> None:
    server = start("--memory", "64MiB")
    for how in ("kill", "stop", "kill"):
        with Wire(server.address) as wire:
            assert wire.ask(b"mn") == b"MN"
            server.kill() if how == "kill" else server.stop()
        server = start("--memory", "64MiB", port=server.port)
    with Wire(server.address) as wire:
        assert wire.ask(b"mg key") == b"EN"


def test_port_in_use_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        line = refused("--listen", where)
    assert where in line and "in use" in line.lower(), line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--memory", "1KiB"), ("memory", "1KiB")),
        (("--memory", "abc"), ("memory", "abc")),
        (("--memory", "8MiB"), ("memory", "8MiB")),
        (("--threads", "0"), ("threads", "0")),
        (("--threads", "100000"), ("threads", "100000")),
        (("--max-connections", "-1"), ("max-connections", "-1")),
        (("--eviction", "magic"), ("eviction", "magic")),
        (("--max-item", "1"), ("max-item", "1")),
        (("--idle-timeout", "soon"), ("idle-timeout", "soon")),
        (("--listen", "nowhere"), ("nowhere",)),
        (("--listen", "127.0.0.1:99999"), ("99999",)),
        (("--config", "/no/such/file.toml"), ("/no/such/file.toml",)),
        (("--no-such-option",), ("no-such-option",)),
    ],
    ids=" ".join,
)
def test_bad_options_stop_the_start_with_one_line(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    line = refused(*arguments)
    for word in words:
        assert word in line, line


def test_unix_socket(start: Starter, tmp_path: Path) -> None:
    path = tmp_path / "whimbrel.sock"
    server = start("--listen", f"unix:{path}", "--memory", "64MiB")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(path))
        sock.sendall(resp("SET", "a", 1) + resp("GET", "a"))
        got = b""
        while len(got) < 12:
            got += sock.recv(100)
        assert got == b"+OK\r\n$1\r\n1\r\n"
    assert server.stop() == 0
    assert not path.exists()
    again = start("--listen", f"unix:{path}", "--memory", "64MiB")
    again.kill()
    assert path.exists()
    third = start("--listen", f"unix:{path}", "--memory", "64MiB")  # a dead server's socket is not in the way
    assert third.stop() == 0


def test_admin_answers(start: Starter) -> None:
    server = start("--memory", "64MiB", "--threads", "2", admin=True)

    def ask(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.admin_port}{path}", timeout=20) as answer:
            assert answer.status == 200
            text: str = answer.read().decode()
            return text

    assert ask("/healthz") and ask("/readyz")
    with Wire(server.address) as wire:
        wire.send(b"get a\r\n" * 100)
        for _ in range(100):
            assert wire.line() == b"END"
    assert "# HELP" in ask("/metrics")
    assert ask("/stats.json").startswith("{")


def test_two_listeners(start: Starter) -> None:
    other = free_port()
    server = start("--listen", f"127.0.0.1:{other}", "--memory", "64MiB")
    with Wire(server.address) as one, Wire(("127.0.0.1", other)) as two:
        one.send(b"set a 0 0 1\r\n1\r\n")
        assert one.line() == b"STORED"
        assert two.command("GET", "a") == b"1"
