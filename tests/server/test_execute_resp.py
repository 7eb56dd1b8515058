"""The RESP executor: every wire trace on ours, and on the original to know that the trace is right."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.server.wire_traces import Script, Variables, load, pieces
from whimbrel.protocol.resp import commands
from whimbrel.protocol.resp.codec import ResponseParser, compose_request
from whimbrel.server import counters
from whimbrel.server.shim import Shim, Wire
from whimbrel.store.store import StoreHandle

SCRIPTS = load(Path(__file__).parent / "traces" / "resp.txt")
HEAP_BYTES = 32 << 20
BIG_STEP = 10_000  # bytes: longer ones are not fed byte by byte
REPLY_S = 10.0
FIRST_INDEX = 64  # of the RESP commands among all


def new_shim(**sizes: int) -> Shim:
    return Shim(StoreHandle.create(HEAP_BYTES), **sizes)


@pytest.mark.parametrize("size", [0, 1, 7, 1000])
@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_ours(script: Script, size: int) -> None:
    shim = new_shim(max_item=512 << 20)
    wire = shim.connect("resp")
    variables = Variables()
    for step in script.steps:
        shim.store.advance(step.wait_ms)
        sent = variables.fill(step.sent)
        step_size = 0 if len(sent) > BIG_STEP and size in (1, 7) else size
        got = b"".join([wire.feed(piece) for piece in pieces(sent, step_size)])
        variables.check(got, step.ours, f"line {step.line}")
        assert wire.closed == step.closed, f"line {step.line}"
    assert wire.closed or wire.kept == b""
    wire.close()
    assert shim.held_bytes == 0


class Original:
    """A redis-server of our own."""

    def __init__(self, program: str) -> None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self.connect().close()
                return
            except ConnectionRefusedError:
                time.sleep(0.02)
        self.stop()
        pytest.fail("redis-server did not start")

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=REPLY_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="module")
def original() -> Iterator[Original]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    if b"v=7.0." not in subprocess.run([program, "--version"], capture_output=True, check=True).stdout:
        pytest.skip("the traces are those of Redis 7.0")
    server = Original(program)
    yield server
    server.stop()


def receive(connection: socket.socket, variables: Variables, expected: bytes) -> bytes:
    """Until the expected reply is there, or nothing for a while."""
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


@pytest.mark.parametrize("script", [script for script in SCRIPTS if not script.needs_clock], ids=str)
def test_original(script: Script, original: Original) -> None:
    variables = Variables()
    with original.connect() as connection:
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(100) == b"+OK\r\n"
        for step in script.steps:
            connection.sendall(variables.fill(step.sent))
            variables.check(receive(connection, variables, step.theirs), step.theirs, f"line {step.line}")
            if step.closed:
                assert is_closed(connection)
                return
        connection.sendall(b"RESET\r\n")
        assert connection.recv(100) == b"+RESET\r\n"


# Beyond the traces


def ask(wire: Wire, *args: bytes | str | int) -> Any:
    """One request's reply, as plain values."""
    fields = [arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]
    status, value, consumed, _ = ResponseParser().parse(reply := wire.feed(compose_request(fields)))
    assert status == "ok", reply
    assert consumed == len(reply)
    return plain(value)


def plain(value: tuple) -> Any:
    kind, content = value[0], value[1]
    if kind in "*~>" and content is not None:
        return [plain(item) for item in content]
    if kind == "%":
        return {plain(key): plain(item) for key, item in content}
    return kind.encode() + content if kind in "+-" else content


def test_every_command_answers_in_a_script() -> None:
    sent = b"\n".join(step.sent for script in SCRIPTS for step in script.steps).lower()
    words = {line.split()[0].decode("latin-1") for line in sent.splitlines() if line.split()}
    assert {command.name for command in commands.COMMANDS} - words == {"info", "time"} - words


def test_arities_are_those_of_the_original(original: Original) -> None:
    """Arity, keys and the flags that we have, as COMMAND INFO tells them."""
    older = {"client|setinfo", "client|no-touch"}
    ours = {c.full_name: c for c in (*commands.COMMANDS, *commands.SUBCOMMANDS) if c.full_name not in older}
    with original.connect() as connection:
        connection.sendall(compose_request([b"COMMAND", b"INFO", *[name.encode() for name in ours]]))
        got = b""
        while True:
            got += connection.recv(1 << 20)
            status, value, _, _ = ResponseParser().parse(got)
            if status != "more":
                break
    for (name, row), theirs in zip(ours.items(), plain(value), strict=True):
        flags = {flag[1:].decode() for flag in theirs[2]}
        assert theirs[1] == row.arity, name
        assert flags & {"write", "readonly", "fast", "admin", "denyoom", "noscript"} == set(row.flags), name
        if not row.parent:
            assert tuple(theirs[3:6]) == row.keys, name


@pytest.mark.parametrize("ttl_ms", [1, 2, 10, 999, 1000, 86_400_000])
def test_times_are_exact_to_the_millisecond(ttl_ms: int) -> None:
    shim = new_shim()
    wire = shim.connect("resp")
    wire.feed(b"SET a 1\r\n")
    end = shim.now_ms + ttl_ms + 1000
    assert ask(wire, "PEXPIREAT", "a", end) == 1
    assert ask(wire, "PEXPIRETIME", "a") == end
    shim.store.advance(end - shim.now_ms - 900)
    assert ask(wire, "GET", "a") == b"1"
    while shim.now_ms < end:
        before = shim.now_ms
        value = ask(wire, "GET", "a")
        if before < end and shim.now_ms < end:
            assert value == b"1"
        shim.store.advance(50)
    assert ask(wire, "GET", "a") is None
    assert ask(wire, "SET", "a", "2", "NX") == b"+OK"


class TestNoRoom:
    """The output is small: the executor stops before what it could not answer, and goes on later."""

    @pytest.mark.parametrize("room", [1600, 2048, 5000])
    @pytest.mark.parametrize("size", [0, 1, 100])
    def test_nothing_is_lost_or_done_twice(self, room: int, size: int) -> None:
        script = b"set a %s\r\nset n 0\r\n" % (b"v" * 300)
        script += b"incr n\r\n" * 30 + b"mget a b a n a a a a a a\r\n" * 5 + b"getrange a 0 -1\r\n" * 10
        script += b"multi\r\n" + b"get a\r\nincr n\r\n" * 20 + b"exec\r\n" + b"append n 5\r\nget n\r\nkeys a\r\n"
        whole = new_shim().connect("resp").feed(script)
        wire = new_shim(out_bytes=room).connect("resp")
        assert b"".join([wire.feed(piece) for piece in pieces(script, size)]) == whole

    def test_a_transaction_that_outgrows_the_memory(self) -> None:
        shim = new_shim(out_bytes=2000, state_bytes=15_000)
        wire = shim.connect("resp")
        wire.feed(b"set a %s\r\n" % (b"v" * 900))
        replies = ask_all(wire, b"multi\r\n" + b"get a\r\nincr n\r\n" * 20 + b"exec\r\nget n\r\n")
        values = [value for _, value in replies[-2][1]]
        assert len(values) == 40
        assert values[:2] == [b"v" * 900, 1]
        assert b"ERR there is no memory left for this reply" in values
        done = [value for value in values if isinstance(value, int)]
        assert replies[-1] == ("$", b"%d" % len(done))
        wire.close()
        assert shim.held_bytes == 0

    def test_a_queue_that_outgrows_the_memory(self) -> None:
        shim = new_shim(state_bytes=2000)
        wire = shim.connect("resp")
        replies = ask_all(wire, b"multi\r\n" + b"set a %s\r\n" % (b"v" * 300) * 10 + b"exec\r\nget a\r\n")
        assert replies[-3] == ("-", b"ERR the transaction is larger than the memory left for input")
        assert replies[-2] == ("-", b"EXECABORT Transaction discarded because of previous errors.")
        assert replies[-1] == ("$", None)

    def test_watching_more_than_the_memory(self) -> None:
        wire = new_shim(state_bytes=2000).connect("resp")
        assert b"ERR there is no memory left to watch so many keys" in ask(wire, "WATCH", *["k" * 100] * 20)


def ask_all(wire: Wire, script: bytes) -> list[tuple]:
    got, parser, replies = wire.feed(script), ResponseParser(), []
    while got:
        status, value, consumed, _ = parser.parse(got)
        assert status == "ok"
        replies.append(value)
        got = got[consumed:]
    return replies


def test_many_arguments_stream() -> None:
    wire = new_shim(out_bytes=4096).connect("resp")
    pairs = [f"{kind}{i}" for i in range(5000) for kind in ("k", "v")]
    assert ask(wire, "MSET", *pairs) == b"+OK"
    assert ask(wire, "MGET", *pairs[::2]) == [value.encode() for value in pairs[1::2]]
    assert ask(wire, "EXISTS", *pairs[::2]) == 5000
    assert ask(wire, "DEL", *pairs) == 5000


def test_a_large_value_says_what_it_needs() -> None:
    wire = new_shim().connect("resp")
    request = compose_request([b"SET", b"k", b"v" * 500_000])
    assert wire.feed(request[:100]) == b""
    assert wire.need == len(request)
    assert wire.feed(request[100:]) == b"+OK\r\n"
    assert ask(wire, "GET", "k") == b"v" * 500_000
    assert ask(wire, "COPY", "k", "k2") == 1
    assert ask(wire, "SETRANGE", "k2", 499_999, "xyz") == 500_002
    assert ask(wire, "GETRANGE", "k2", -4, -1) == b"vxyz"


def test_too_large_is_refused() -> None:
    shim = new_shim(max_item=1000)
    wire = shim.connect("resp")
    assert wire.feed(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1001\r\n") == b"-ERR Protocol error: invalid bulk length\r\n"
    assert wire.closed
    wire = new_shim(max_item=1 << 20).connect("resp")
    assert ask(wire, "APPEND", "a", b"v" * 800_000) == 800_000
    assert b"string exceeds maximum allowed size" in ask(wire, "APPEND", "a", b"v" * 800_000)
    assert ask(wire, "STRLEN", "a") == 800_000
    assert b"string exceeds" in ask(wire, "SET", b"k" * 5000, "v")
    assert ask(wire, "GET", b"k" * 5000) is None
    assert ask(wire, "DEL", b"k" * 5000) == 0


def test_scan_finds_every_key_once_the_table_is_still() -> None:
    wire = new_shim().connect("resp")
    names = {f"key:{i}".encode() for i in range(3000)}
    for name in names:
        ask(wire, "SET", name, "x")
    for options in ((), ("COUNT", 1), ("COUNT", 100_000), ("MATCH", "key:*", "TYPE", "string")):
        found: list[bytes] = []
        cursor = b"0"
        for _ in range(5000):
            cursor, keys = ask(wire, "SCAN", cursor, *options)
            found += keys
            if cursor == b"0":
                break
        assert cursor == b"0"
        assert set(found) == names
    assert set(ask(wire, "KEYS", "key:1*")) == {name for name in names if name.startswith(b"key:1")}
    assert ask(wire, "RANDOMKEY") in names


def test_keys_has_a_bound() -> None:
    wire = new_shim().connect("resp")
    for start in range(0, 10_002, 1000):
        ask(wire, "MSET", *[word for i in range(start, min(start + 1000, 10_002)) for word in (f"k{i}", "v")])
    assert b"use SCAN" in ask(wire, "KEYS", "*")
    ask(wire, "DEL", "k1", "k2")
    assert len(ask(wire, "KEYS", "*")) == 10_000


class TestAcrossProtocols:
    def test_flags_live_as_long_as_the_value_grows_from_the_old_one(self) -> None:
        shim = new_shim()
        wire, memcache = shim.connect("resp"), shim.connect("memcache")
        assert memcache.feed(b"set n 7 0 1\r\n1\r\n") == b"STORED\r\n"
        for request in ("INCR n", "APPEND n 0", "EXPIRE n 100", "PERSIST n", "SETRANGE n 0 3", "INCRBYFLOAT n 1"):
            ask(wire, *request.split())
            assert memcache.feed(b"get n\r\n").startswith(b"VALUE n 7 "), request
        ask(wire, "SET", "n", "1")
        assert memcache.feed(b"get n\r\n") == b"VALUE n 0 1\r\n1\r\nEND\r\n"

    def test_a_change_by_memcache_ends_a_watch(self) -> None:
        shim = new_shim()
        wire, memcache = shim.connect("resp"), shim.connect("memcache")
        for change in (b"set a 0 0 1\r\n2\r\n", b"touch a 100\r\n", b"append a 0 0 1\r\n3\r\n", b"delete a\r\n"):
            ask(wire, "WATCH", "a")
            memcache.feed(change)
            ask(wire, "MULTI")
            assert ask(wire, "EXEC") is None, change

    def test_a_cas_token_does_not_survive_a_resp_write(self) -> None:
        shim = new_shim()
        wire, memcache = shim.connect("resp"), shim.connect("memcache")
        memcache.feed(b"set a 0 0 1\r\n1\r\n")
        token = memcache.feed(b"gets a\r\n").split()[4]
        ask(wire, "SET", "a", "1")
        assert memcache.feed(b"cas a 0 0 1 %s\r\n2\r\n" % token) == b"EXISTS\r\n"


def test_scripts_of_the_lock(original: Original) -> None:
    """The texts come from redis-py, ours and the original must agree on everything they can answer."""
    lock = pytest.importorskip("redis.lock").Lock
    wire = new_shim().connect("resp")

    def both(*args: object) -> object:
        fields = [str(arg).encode() for arg in args]
        connection.sendall(compose_request(fields))
        theirs = connection.recv(1 << 16)
        assert wire.feed(compose_request(fields)) == theirs, args
        return theirs

    with original.connect() as connection:
        both("FLUSHALL")
        for text in (lock.LUA_RELEASE_SCRIPT, lock.LUA_EXTEND_SCRIPT, lock.LUA_REACQUIRE_SCRIPT):
            sha = both("SCRIPT", "LOAD", text).split(b"\r\n")[1].decode()  # type: ignore[attr-defined]
            both("SCRIPT", "EXISTS", sha, sha.upper())
            mine = ("SET", "l", "me", "EX", 100)
            for setup in (("DEL", "l"), ("SET", "l", "other", "EX", 100), mine[:3], mine):
                for rest in (("me", 200_000, "0"), ("me", 200_000, "1")):
                    both(*setup)
                    both("EVALSHA", sha, 1, "l", *rest)
                    both("EVAL", text, 1, "l", *rest)
                    both("TTL", "l")
                    both("GET", "l")


def test_counts() -> None:
    shim = new_shim()
    wire = shim.connect("resp")
    wire.feed(b"set a 1\r\nget a\r\nmget a b c\r\nexists a b\r\nnosuch\r\nget\r\nmulti\r\nget a\r\nexec\r\n")
    numbers = {name: shim.counter(i) for i, name in enumerate(counters.NAMES)}
    assert numbers["resp_keyspace_hits"] == 4
    assert numbers["resp_keyspace_misses"] == 3
    assert numbers["resp_errors"] == 2
    assert numbers["resp_exec"] == 1
    names = [command.name for command in commands.COMMANDS]
    assert shim.executed(FIRST_INDEX + names.index("get")) == 2
    assert shim.executed(FIRST_INDEX + names.index("exec")) == 1


def test_a_value_grows_no_further_than_the_limit() -> None:
    shim = new_shim(max_item=600)
    wire = shim.connect("resp")
    too_large = b"-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"
    assert wire.feed(b"setrange a 599 x\r\nappend a y\r\nstrlen a\r\n") == b":600\r\n" + too_large + b":600\r\n"
    assert wire.feed(b"setrange a 600 x\r\nsetrange b 65536 x\r\nexists b\r\n") == too_large * 2 + b":0\r\n"
    assert wire.feed(b"append b " + b"z" * 601 + b"\r\nexists b\r\n").endswith(b":0\r\n")
