"""From this network into one of its own: the same bytes, both ways, and each side's end."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.server.serving import environment
from tests.up.test_network import made
from whimbrel.net.listener import Address
from whimbrel.up.ports import hold

# Says what it got when it has all of it, in capitals.
ECHO = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    print("ready", flush=True)
    while True:
        connected, _ = server.accept()
        with connected:
            got = bytearray()
            while data := connected.recv(1 << 16):
                got += data
            connected.sendall(got.upper())
"""


@pytest.fixture(scope="module")
def places() -> Iterator[tuple[Address, Address]]:
    """An address that is served inside, and one that is not."""
    with ExitStack() as opened:
        network = opened.enter_context(made(0))
        served, other = (hold(Address("127.0.0.1", 0), "--test", opened) for _ in range(2))
        echo = network.entering((sys.executable, "-I", "-S", "-c", ECHO, str(served.port)))
        addresses = (str(network.process.pid), str(served), str(other))
        forward = (sys.executable, "-m", "whimbrel.up.forward", *addresses)
        for argv, line in ((echo, b"ready\n"), (forward, f"forwarding {served}, {other}\n".encode())):
            process = subprocess.Popen(argv, env=environment(), stdout=subprocess.PIPE)
            opened.callback(ended, process)
            assert process.stdout is not None
            assert process.stdout.readline() == line
        yield served, other


def ended(process: subprocess.Popen[bytes]) -> None:
    with process:
        process.terminate()


def rest(connected: socket.socket) -> bytes:
    got = bytearray()
    while data := connected.recv(1 << 16):
        got += data
    return bytes(got)


def test_bytes_go_both_ways_and_so_does_the_end(places: tuple[Address, Address]) -> None:
    for sent in (b"hello", b"x" * (3 << 20), b""):
        with socket.create_connection((places[0].host, places[0].port), timeout=20) as connected:
            connected.sendall(sent)
            connected.shutdown(socket.SHUT_WR)
            assert rest(connected) == sent.upper()


def test_where_nobody_listens_inside_the_connection_closes(places: tuple[Address, Address]) -> None:
    with socket.create_connection((places[1].host, places[1].port), timeout=20) as connected:
        assert rest(connected) == b""


def test_who_goes_away_holds_up_nobody(places: tuple[Address, Address]) -> None:
    for _ in range(20):
        with socket.create_connection((places[0].host, places[0].port), timeout=20) as connected:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
            connected.sendall(b"never mind")
    with socket.create_connection((places[0].host, places[0].port), timeout=20) as connected:
        connected.sendall(b"still there")
        connected.shutdown(socket.SHUT_WR)
        assert rest(connected) == b"STILL THERE"


def test_a_process_that_is_not_there_is_one_line() -> None:
    argv = (sys.executable, "-m", "whimbrel.up.forward", "0", "127.0.0.1:0")
    done = subprocess.run(argv, env=environment(), capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "/proc/0/ns/user" in done.stderr
