"""What strangers could do to the RESP executor with little memory, slow readers and slow commands."""

import contextlib
import socket

import pytest

from whimbrel.protocol.resp import commands
from whimbrel.server import resp_admin
from whimbrel.server.drive import Drive
from whimbrel.server.shim import Shim
from whimbrel.store.store import StoreHandle

TURNS = 200
FIRST_INDEX = 64  # of the RESP commands among all


def array(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def read(drive: Drive, peer: socket.socket) -> bytes:
    """What there is to read within a bounded number of turns."""
    got = b""
    for _ in range(TURNS):
        drive.turn()
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            got += peer.recv(1 << 16)
    return got


def fill_state(drive: Drive) -> list[socket.socket]:
    """Connections whose transactions have taken what there is for connections' state."""
    hogs = []
    for size in (60_000, 60_000, 30_000, 15_000, 7_000, 3_000, 1_500, 700, 300, 200):
        hog = drive.connect()
        hogs.append(hog)
        hog.sendall(array(b"MULTI"))
        for _ in range(4):
            hog.sendall(array(b"ECHO", b"x" * size))
            drive.turn(20)
    return hogs


def test_an_inline_mget_that_loses_its_memory_half_way_is_broken_off() -> None:
    store = StoreHandle.create(16 << 20)
    drive = Drive(store, side_bytes=512 << 10)
    value = b"v" * 8000
    line = b"MGET " + b" ".join([b"big"] * 1000) + b"\r\n"
    with drive.connect() as slow:
        slow.sendall(array(b"SET", b"big", value))
        assert read(drive, slow) == b"+OK\r\n"
        slow.sendall(line + b"MGET a b\r\n")
        drive.turn(TURNS)  # it does not read: the reply stops half-way
        hogs = fill_state(drive)
        got = read(drive, slow)
        for _ in range(20):
            got += read(drive, slow)
        assert got.startswith(b"*1000\r\n$8000\r\n")
        assert b"-ERR" not in got
        assert got.count(b"v" * 8000) < 1000
        assert slow.recv(1) == b""
    for hog in hogs:
        hog.close()
    drive.turn(3)
    assert drive.close() == (0, 0)
    store.close()


def test_a_reply_that_found_no_memory_gives_back_what_it_had() -> None:
    shim = Shim(StoreHandle.create(32 << 20), state_bytes=16 << 10)
    wire = shim.connect("resp")
    assert wire.feed(array(b"CLIENT", b"SETNAME", b"me")) == b"+OK\r\n"
    before = shim.held_bytes
    for i in range(100):
        wire.feed(array(b"SET", b"%0200d" % i, b"v"))
    for _ in range(3):
        assert wire.feed(array(b"KEYS", b"*")).startswith(b"-ERR there is no memory left")
        assert shim.held_bytes == before
    wire.close()
    assert shim.held_bytes == 0


def test_an_unwanted_reply_without_memory_closes_and_says_nothing() -> None:
    shim = Shim(StoreHandle.create(32 << 20), state_bytes=3 << 10)  # the state, but no buffer beside it
    wire = shim.connect("resp")
    assert wire.feed(array(b"CLIENT", b"REPLY", b"OFF") + array(b"PING")) == b""
    assert wire.closed
    assert shim.held_bytes == 0


@pytest.mark.parametrize("size", [300_000, 530 << 10, 700_000, (1 << 20) - 100])
def test_options_behind_a_large_value_are_read(size: int) -> None:
    store = StoreHandle.create(32 << 20)
    drive = Drive(store, side_bytes=2 * ((1 << 20) + (72 << 10)))
    with drive.connect() as peer:
        request = memoryview(array(b"SET", b"key", b"v" * size, b"EX", b"60") + array(b"STRLEN", b"key"))
        while request:
            with contextlib.suppress(BlockingIOError):
                request = request[peer.send(request[:20_000]) :]
            drive.turn()
        assert read(drive, peer) == b"+OK\r\n:%d\r\n" % size
    drive.turn(3)
    assert drive.close() == (0, 0)
    store.close()


def test_a_request_too_large_is_told_so() -> None:
    store = StoreHandle.create(32 << 20)
    drive = Drive(store, side_bytes=256 << 10)  # 120 KiB for one request, and items up to 1 MiB
    with drive.connect() as peer:
        peer.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500000\r\n" + b"x" * 30_000)
        assert read(drive, peer) == b"-ERR Protocol error: request too large\r\n"
    with drive.connect() as peer:
        request = memoryview(array(*[b"DEL"] + [b"k" * 50] * 10_000))
        got = b""
        for _ in range(100):
            with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                request = request[peer.send(request[:20_000]) :]
            drive.turn()
            with contextlib.suppress(BlockingIOError, ConnectionResetError):
                got += peer.recv(1000)
        assert got == b"-ERR Protocol error: request too large\r\n"
    drive.turn(3)
    assert drive.close() == (0, 0)
    store.close()


def test_after_a_slow_command_the_clock_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shim = Shim(StoreHandle.create(32 << 20))
    wire = shim.connect("resp")

    def slow(*_: object) -> bytes:
        shim.store.advance(1000)
        return b"+slow\r\n"

    monkeypatch.setattr(resp_admin, "answer", slow)
    batch = array(b"SET", b"k", b"v", b"PX", b"500") + array(b"GET", b"k") + array(b"INFO") + array(b"GET", b"k")
    assert wire.feed(batch) == b"+OK\r\n$1\r\nv\r\n+slow\r\n$-1\r\n"
    batch = array(b"SET", b"k", b"v", b"PX", b"500") + array(b"MULTI") + array(b"GET", b"k") + array(b"INFO")
    assert wire.feed(batch + array(b"GET", b"k") + array(b"EXEC")).endswith(b"*3\r\n$1\r\nv\r\n+slow\r\n$-1\r\n")


def test_a_delayed_flush_spares_what_is_written_after_its_time() -> None:
    store = StoreHandle.create(16 << 20)
    drive = Drive(store)
    with drive.connect() as peer:
        peer.sendall(b"set old 0 0 1\r\nx\r\nflush_all 10\r\n")
        assert read(drive, peer) == b"STORED\r\nOK\r\n"
        store.advance(11_000)
        peer.sendall(b"set new 0 0 1\r\nx\r\n")
        assert read(drive, peer) == b"STORED\r\n"
        peer.sendall(b"get old new\r\n")
        assert read(drive, peer) == b"VALUE new 0 1\r\nx\r\nEND\r\n"
    drive.turn(3)
    assert drive.close() == (0, 0)
    store.close()


def test_a_watched_key_that_came_and_went_aborts() -> None:
    shim = Shim(StoreHandle.create(32 << 20))
    ours, theirs = shim.connect("resp"), shim.connect("resp")
    for _ in range(2):
        assert ours.feed(array(b"WATCH", b"k") + array(b"MULTI") + array(b"PING")) == b"+OK\r\n+OK\r\n+QUEUED\r\n"
        theirs.feed(array(b"SET", b"k", b"v") + array(b"DEL", b"k"))
        assert ours.feed(array(b"EXEC")) == b"*-1\r\n"
    assert ours.feed(array(b"WATCH", b"k") + array(b"MULTI") + array(b"PING") + array(b"EXEC")).endswith(b"+PONG\r\n")


def test_script_exists_has_a_bound() -> None:
    shim = Shim(StoreHandle.create(32 << 20))
    wire = shim.connect("resp")
    assert wire.feed(array(b"SCRIPT", b"EXISTS", *[b"x"] * 4096)) == b"*4096\r\n" + b":0\r\n" * 4096
    assert wire.feed(array(b"SCRIPT", b"EXISTS", *[b"x"] * 4097)).startswith(b"-ERR SCRIPT EXISTS answers up to 4096")


def test_a_command_that_has_to_wait_counts_once() -> None:
    shim = Shim(StoreHandle.create(32 << 20), out_bytes=16 << 10)
    wire = shim.connect("resp")
    index = FIRST_INDEX + [command.name for command in commands.COMMANDS].index("get")
    wire.feed(array(b"SET", b"k", b"v" * 10_000))
    assert len(wire.feed(array(b"GET", b"k") * 5)) == 5 * len(b"$10000\r\n" + b"v" * 10_000 + b"\r\n")
    assert shim.executed(index) == 5
