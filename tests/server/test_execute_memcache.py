"""The memcache executor: every wire trace on ours, and on the original to know that the trace is right."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.server.wire_traces import Script, Variables, load, pieces
from whimbrel.protocol.memcache import commands
from whimbrel.server import counters
from whimbrel.server.shim import Shim
from whimbrel.store.store import StoreHandle

SCRIPTS = load(Path(__file__).parent / "traces" / "memcache.txt")
HEAP_BYTES = 32 << 20
BIG_STEP = 100_000  # bytes: longer ones are not fed byte by byte
REPLY_S = 10.0
ORIGINAL_TRIES = 3


def new_shim() -> Shim:
    return Shim(StoreHandle.create(HEAP_BYTES))


@pytest.mark.parametrize("size", [0, 1, 7, 1000])
@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_ours(script: Script, size: int) -> None:
    shim = new_shim()
    wire = shim.connect("memcache")
    variables = Variables()
    for step in script.steps:
        shim.store.advance(step.wait_ms)
        sent = variables.fill(step.sent)
        step_size = 0 if len(sent) > BIG_STEP and size in (1, 7) else size
        got = b"".join([wire.feed(piece) for piece in pieces(sent, step_size)])
        variables.check(got, step.ours, f"line {step.line}")
        assert wire.closed == step.closed, f"line {step.line}"
    assert wire.closed or wire.kept == b""


class Original:
    """A memcached of our own."""

    def __init__(self, program: str) -> None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        arguments = [program, "-l", "127.0.0.1", "-p", str(self.port), "-U", "0", "-t", "1", "-m", "64", "-u", "nobody"]
        self.process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self.connect().close()
                return
            except ConnectionRefusedError:
                time.sleep(0.02)
        self.stop()
        pytest.fail("memcached did not start")

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=REPLY_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="module")
def original() -> Iterator[Original]:
    program = shutil.which("memcached")
    if program is None:
        pytest.skip("memcached is not installed")
    if b"1.6.18" not in subprocess.run([program, "--version"], capture_output=True, check=True).stdout:
        pytest.skip("the traces are those of memcached 1.6.18")
    server = Original(program)
    yield server
    server.stop()


def receive(connection: socket.socket, variables: Variables, expected: bytes) -> bytes:
    """Until the expected reply is there, or something that can not become it, or nothing for a while."""
    got = b""
    pattern = variables.pattern(expected)
    while not pattern.fullmatch(got):
        try:
            more = connection.recv(1 << 20)
        except (TimeoutError, ConnectionResetError):
            break
        if not more:
            break
        got += more
    return got


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def play_on(original: Original, script: Script) -> None:
    variables = Variables()
    with original.connect() as connection:
        connection.sendall(b"flush_all\r\n")
        assert connection.recv(100) == b"OK\r\n"
        for step in script.steps:
            connection.sendall(variables.fill(step.sent))
            variables.check(receive(connection, variables, step.theirs), step.theirs, f"line {step.line}")
            if step.closed or step.they_close:
                assert is_closed(connection)
                return
        connection.sendall(b"mn\r\n")
        assert connection.recv(100) == b"MN\r\n"


@pytest.mark.parametrize("script", [script for script in SCRIPTS if not script.needs_clock], ids=str)
def test_original(script: Script, original: Original) -> None:
    """The original's clock is real: a script during which its second changed is played once more."""
    for _ in range(ORIGINAL_TRIES - 1):
        try:
            play_on(original, script)
            return
        except AssertionError:
            time.sleep(0.05)
    play_on(original, script)


def test_every_command_answers_in_a_script() -> None:
    sent = b"\n".join(step.sent for script in SCRIPTS for step in script.steps)
    words = {line.split()[0] for line in sent.replace(b"\r", b"").split(b"\n") if line.split()}
    unused = {command.name for command in commands.COMMANDS} - {word.decode("latin-1") for word in words}
    assert unused == {"watch"}  # its own test below: the original would keep the connection


def test_watch_is_refused() -> None:
    wire = new_shim().connect("memcache")
    assert wire.feed(b"watch\r\nmn\r\n") == b"CLIENT_ERROR watch commands not allowed\r\nMN\r\n"


def test_a_delayed_flush_is_left_to_the_worker() -> None:
    shim = new_shim()
    wire = shim.connect("memcache")
    assert wire.feed(b"flush_all 100\r\n") == b"OK\r\n"
    assert abs(shim.flush_at_ms - shim.now_ms - 100_000) < 5_000
    assert wire.feed(b"flush_all\r\n") == b"OK\r\n"
    assert shim.flush_at_ms == 0


def stats(wire: object, arguments: bytes = b"") -> dict[str, str]:
    reply = wire.feed(b"stats" + arguments + b"\r\n")  # type: ignore[attr-defined]
    lines = reply.decode().split("\r\n")
    assert lines[-2:] == ["END", ""]
    return {name: value for _, name, value in (line.split(" ", 2) for line in lines[:-2])}


def test_stats_count() -> None:
    wire = new_shim().connect("memcache")
    wire.feed(b"stats reset\r\n")
    wire.feed(b"set a 0 0 1\r\n1\r\nget a b c\r\ngat 0 a b\r\nincr a 1\r\nincr b 1\r\ndecr a 1\r\ndecr b 1\r\n")
    wire.feed(b"touch a 0\r\ntouch b 0\r\ncas a 0 0 1 1\r\n1\r\ncas b 0 0 1 1\r\n1\r\nmg a\r\nmg b\r\n")
    wire.feed(b"delete a\r\ndelete a\r\nset a 0 0 2000000\r\n" + b"x" * 2000002 + b"flush_all 0\r\n")
    found = stats(wire)
    expected = {
        "cmd_get": 5, "get_hits": 2, "get_misses": 3, "cmd_touch": 4, "touch_hits": 2, "touch_misses": 2,
        "incr_hits": 1, "incr_misses": 1, "decr_hits": 1, "decr_misses": 1, "cas_badval": 1, "cas_misses": 1,
        "cas_hits": 0, "delete_hits": 1, "delete_misses": 1, "store_too_large": 1, "cmd_flush": 1, "cmd_meta": 2,
        "curr_items": 0,
    }  # fmt: skip
    assert {name: int(found[name]) for name in expected} == expected
    assert wire.feed(b"stats reset\r\n") == b"RESET\r\n"
    assert stats(wire)["cmd_get"] == "0"


def test_stats_settings_and_items() -> None:
    wire = new_shim().connect("memcache")
    assert stats(wire, b" settings")["item_size_max"] == str(1 << 20)
    assert stats(wire, b" items") == {}
    wire.feed(b"set a 0 0 1\r\n1\r\n")
    assert stats(wire, b" items")["items:1:number"] == "1"
    assert int(stats(wire, b" slabs")["active_slabs"]) == 1
    assert stats(wire, b" conns") == {}


def test_requests_are_counted_once() -> None:
    shim = new_shim()
    wire = shim.connect("memcache")
    wire.feed(b"get a b\r\nget " + b"k " * 2000 + b"\r\nset a 0 0 1\r\n1\r\nfoo\r\n")
    names = [command.name for command in commands.COMMANDS]
    assert shim.executed(names.index("get")) == 2
    assert shim.executed(names.index("set")) == 1
    assert shim.executed(len(names)) == 1


def test_counters_have_names() -> None:
    assert len(counters.NAMES) == counters.COUNT


class TestNoRoom:
    """The output is small: the executor stops before what it could not answer, and goes on later."""

    @pytest.mark.parametrize("room", [1600, 2048, 4096])
    @pytest.mark.parametrize("size", [0, 1, 100])
    def test_nothing_is_lost_or_done_twice(self, room: int, size: int) -> None:
        script = b"set a 0 0 300\r\n" + b"v" * 300 + b"\r\nset n 0 0 1\r\n0\r\n"
        script += b"incr n 1\r\n" * 30 + b"get a b a n\r\n" * 20 + b"mg a v k\r\n" * 20 + b"gets n\r\n"
        script += b"get " + b"a " * 1500 + b"\r\nma n v\r\nmn\r\n"
        small = Shim(StoreHandle.create(HEAP_BYTES), out_bytes=room).connect("memcache")
        large = new_shim().connect("memcache")
        assert b"".join([small.feed(piece) for piece in pieces(script, size)]) == large.feed(script)
        assert small.kept == b""
