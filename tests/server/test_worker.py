"""Limits of a worker under attack: what holds memory, who is closed for it, and that others are served."""

import socket
from collections.abc import Iterator

import pytest

from tests.server.serving import Peer, Serving, eventually, serving

pytestmark = pytest.mark.memory  # every one of them holds the process to 64 MiB

LIMIT = 64 << 20
MIB = 1 << 20
VALUE = b"v" * MIB


@pytest.fixture
def server() -> Iterator[Serving]:
    with serving("--memory", "64MiB") as started:
        yield started
        assert started.resident("VmHWM") <= LIMIT


def fill(peer: Peer) -> None:
    for i in range(60):
        peer.send(b"set fill%d 0 0 %d noreply\r\n%b\r\n" % (i, MIB, VALUE))
    peer.ask(b"mn\r\n")


def flood(peer: Peer, data: bytes) -> None:
    """Send what the socket takes, and no more."""
    peer.socket.setblocking(False)
    view = memoryview(data)
    try:
        while view:
            view = view[peer.socket.send(view) :]
    except (BlockingIOError, ConnectionError):
        pass


def test_a_pipeline_of_large_gets_to_clients_that_never_read(server: Serving) -> None:
    with server.connect() as peer:
        fill(peer)
        assert peer.ask(b"set large 0 0 %d\r\n%b\r\n" % (MIB, VALUE)) == b"STORED\r\n"
        deaf = [server.connect() for _ in range(20)]
        for each in deaf:
            flood(each, b"get large\r\n" * 100_000)
        assert eventually(lambda: server.counter("parked_for_output") > 0)
        for _ in range(200):
            assert peer.ask(b"get small\r\n", b"END\r\n") == b"END\r\n"
        expected = b"VALUE large 0 %d\r\n%b\r\nEND\r\n" % (MIB, VALUE)
        peer.send(b"get large\r\n")
        assert peer.exactly(len(expected)) == expected  # after others were closed to make room
        assert server.counter("closed_slow_reader") > 0
        for each in deaf:
            each.close()


def test_requests_that_never_end_yield_their_memory(server: Serving) -> None:
    with server.connect() as peer:
        stalled = [server.connect() for _ in range(100)]
        for i, each in enumerate(stalled):
            flood(each, b"set stalled%d 0 0 %d\r\n" % (i, MIB) + VALUE[: MIB // 2])
        assert peer.ask(b"set large 0 0 %d\r\n%b\r\n" % (MIB, VALUE)) == b"STORED\r\n"
        assert server.counter("closed_stalled_sender") > 0
        for each in stalled:
            each.close()


def test_half_sent_small_requests_of_everybody(server: Serving) -> None:
    with server.connect() as peer:
        halves = [server.connect() for _ in range(1500)]
        for i, each in enumerate(halves):
            each.send(b"set half%d 0 0 %d\r\n" % (i, MIB) + VALUE[:3000])
        assert peer.ask(b"set large 0 0 %d\r\n%b\r\n" % (MIB, VALUE)) == b"STORED\r\n"
        assert peer.ask(b"get small\r\n", b"END\r\n") == b"END\r\n"
        for each in halves:
            each.close()


def test_keys_of_every_length(server: Serving) -> None:
    with server.connect() as peer:
        for length in range(1, 1000):
            answer = peer.ask(b"set %b 0 0 1\r\nx\r\nmn\r\n" % (b"k" * length), b"MN\r\n")
            assert answer == b"STORED\r\nMN\r\n" if length <= 250 else b"ERROR" in answer
    for length in (5000, 100_000):
        with server.connect() as peer:
            peer.send(b"set " + b"k" * length + b" 0 0 1\r\n")
            assert b"ERROR" in peer.rest()  # the original's line, and then it closes


def test_more_connections_than_allowed_are_refused_in_one_line() -> None:
    with serving("--max-connections", "5") as server:
        peers = [server.connect() for _ in range(5)]
        assert all(peer.ask(b"mn\r\n") == b"MN\r\n" for peer in peers)
        with server.connect() as refused:
            assert refused.rest() == b"ERROR Too many open connections\r\n"
        assert server.counter("refused_limit") == 1
        peers.pop().close()
        assert eventually(lambda: server.stats()["connections"] == [4])
        with server.connect() as welcome:
            assert welcome.ask(b"mn\r\n") == b"MN\r\n"


def test_idle_connections_are_closed_and_busy_ones_are_not() -> None:
    with serving("--idle-timeout", "1") as server, server.connect() as busy, server.connect() as idle:
        idle.socket.settimeout(0.05)
        closed = False
        while not closed:
            assert busy.ask(b"mn\r\n") == b"MN\r\n"
            try:
                closed = idle.socket.recv(1) == b""
            except TimeoutError:
                continue
        assert server.counter("closed_idle") == 1
        assert busy.ask(b"mn\r\n") == b"MN\r\n"


def test_workers_share_the_connections_evenly() -> None:
    with serving("--threads", "3") as server:
        peers = [server.connect() for _ in range(31)]
        assert all(peer.ask(b"mn\r\n") == b"MN\r\n" for peer in peers)
        shares = server.stats()["connections"]
        assert sum(shares) == 31 and max(shares) - min(shares) <= 1
        for peer in peers:
            peer.close()


def test_a_delayed_flush_comes_in_time(server: Serving) -> None:
    with server.connect() as peer:
        peer.ask(b"set a 0 0 1\r\nx\r\n")
        peer.ask(b"flush_all 1\r\n")
        assert peer.ask(b"get a\r\n", b"END\r\n") != b"END\r\n"
        assert eventually(lambda: peer.ask(b"get a\r\n", b"END\r\n") == b"END\r\n")


def test_a_storm_of_connects_is_survived(server: Serving) -> None:
    with server.connect() as peer:
        for _ in range(3000):
            socket.create_connection(("127.0.0.1", server.port), timeout=20).close()
        assert peer.ask(b"mn\r\n") == b"MN\r\n"
        assert eventually(lambda: server.stats()["connections"] == [1])
