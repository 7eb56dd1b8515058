"""64 MiB under attack: resident memory stays within the limit, and who behaves does not notice.

One server with `--memory 64MiB`.  During each attack a bystander process keeps asking (bystander.py) and the
server's peak resident memory is taken from the kernel, reset before each attack.  Figures are printed (`-s` shows
them).
"""

from __future__ import annotations

import json
import os
import random
import resource
import selectors
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from .conftest import OURS, Starter, started
from .servers import MIB, Memory, Server, start_whimbrel
from .wire import Wire, resp

pytestmark = [pytest.mark.slow, pytest.mark.memory, pytest.mark.clients]

LIMIT = 64 * MIB
P99_MS = 250.0  # generous: two noisy cores, one of them busy attacking
IDLE = 5000
IDLE_BYTES = 512
BIG = 1 * MIB
TELLING = ("refused", "closed", "parked", "blocked", "evicted")  # counters worth a line
FILES = 6000  # descriptors an attacker needs


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if not OURS:
        pytest.skip("WHIMBREL_TEST_AGAINST=original")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < FILES:
        pytest.skip(f"needs {FILES} open files, the limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
    one = start_whimbrel("--memory", "64MiB", admin=True)
    with started(one):
        yield one


def reset_peak(server: Server) -> None:
    Path(f"/proc/{server.pid}/clear_refs").write_text("5")


def counters(server: Server) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.admin_port}/stats.json", timeout=20) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def flat(tree: object, path: str = "") -> dict[str, float]:
    if isinstance(tree, dict):
        return {name: value for key, below in tree.items() for name, value in flat(below, f"{path}.{key}").items()}
    if isinstance(tree, (int, float)) and not isinstance(tree, bool):
        return {path.lstrip("."): tree}
    return {}


@contextmanager
def watched(server: Server, name: str, p99_ms: float = P99_MS) -> Iterator[None]:
    """Run the bystander beside the attack; afterwards hold server and bystander to their bounds."""
    command = [sys.executable, str(Path(__file__).with_name("bystander.py")), server.host, str(server.port)]
    earlier = flat(counters(server))
    reset_peak(server)
    before = server.memory()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as bystander:
        time.sleep(0.3)
        try:
            yield
            time.sleep(0.3)
        finally:
            out, _ = bystander.communicate(timeout=60)
    assert server.alive(), f"the server died under {name}"
    after, found = server.memory(), json.loads(out)
    moved = {
        row: value - earlier.get(row, 0)
        for row, value in flat(counters(server)).items()
        if value != earlier.get(row, 0) and any(word in row for word in TELLING)
    }
    print(
        f"\n{name}: peak {after.peak / MIB:.1f} MiB (before {before.rss / MIB:.1f}, after {after.rss / MIB:.1f}); "
        f"bystander {found['requests']} requests, "
        f"p50 {found['p50']:.2f} p99 {found['p99']:.2f} max {found['max']:.1f} ms, "
        f"evicted {found['evicted']}, failures {len(found['failures'])}; counters {moved}"
    )
    assert found["failures"] == []
    assert found["requests"] > 20
    assert after.peak <= LIMIT, f"{name}: peak resident {after.peak / MIB:.2f} MiB"
    assert found["p99"] < p99_ms


class Crowd:
    """Many attackers; whatever happens to one of them is its own affair."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self.sockets:
            sock.close()

    def join(self, count: int, receive_buffer: int = 0) -> list[socket.socket]:
        new = []
        for _ in range(count):
            sock = socket.socket()
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            sock.settimeout(20)
            sock.connect(self.server.address)
            new.append(sock)
        self.sockets += new
        return new

    @staticmethod
    def push(sock: socket.socket, data: bytes, seconds: float = 0.0) -> int:
        """Send what the peer takes within that time; how much it was."""
        sent, deadline = 0, time.monotonic() + seconds
        sock.setblocking(False)
        while sent < len(data):
            try:
                sent += sock.send(data[sent : sent + 262144])
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    break
                time.sleep(0.002)
            except OSError:
                break
        return sent

    def push_all(self, data: bytes, seconds: float) -> int:
        """The same data to everybody, whoever can take some next."""
        total, deadline = 0, time.monotonic() + seconds
        at: dict[object, int] = dict.fromkeys(self.sockets, 0)
        with selectors.DefaultSelector() as selector:
            for sock in self.sockets:
                sock.setblocking(False)
                selector.register(sock, selectors.EVENT_WRITE)
            while selector.get_map() and time.monotonic() < deadline:
                for key, _ in selector.select(0.1):
                    peer = key.fileobj
                    assert isinstance(peer, socket.socket)
                    try:
                        n = peer.send(data[at[peer] : at[peer] + 65536])
                    except BlockingIOError:
                        continue
                    except OSError:
                        selector.unregister(peer)
                        continue
                    at[peer] += n
                    total += n
                    if at[peer] == len(data):
                        selector.unregister(peer)
        return total


def store_big(server: Server, count: int) -> list[bytes]:
    keys = [b"big%d" % i for i in range(count)]
    with Wire(server.address) as wire:
        for key in keys:
            wire.send(b"set %b 0 0 %d\r\n" % (key, BIG) + os.urandom(BIG) + b"\r\n")
            assert wire.line() == b"STORED"
    return keys


def test_a_full_cache_stays_inside(server: Server) -> None:
    """First of all: 400 MiB written into 64, small and large."""
    with watched(server, "fill"), Wire(server.address) as wire:
        for size, count in ((100, 200_000), (4000, 30_000), (100_000, 1500), (BIG - 100, 150)):
            value = b"v" * size
            batch = max(1, min(500, 200_000 // size))
            for begin in range(0, count, batch):
                numbers = range(begin, begin + batch)
                wire.send(b"".join(b"ms fill%d:%d %d q\r\n%b\r\n" % (size, i, size, value) for i in numbers))
                assert wire.ask(b"mn") == b"MN"


@pytest.mark.parametrize("protocol", ["none", "memcache", "resp"])
def test_idle_connections_cost_little(server: Server, protocol: str) -> None:
    hello = {"none": b"", "memcache": b"get missing\r\n", "resp": resp("PING")}[protocol]
    answer = {"none": b"", "memcache": b"END\r\n", "resp": b"+PONG\r\n"}[protocol]
    with watched(server, f"{IDLE} idle connections ({protocol})"), Crowd(server) as crowd:
        before = server.memory().rss
        for sock in crowd.join(IDLE):
            if hello:
                sock.sendall(hello)
                assert sock.recv(100) == answer
        time.sleep(0.5)
        each = (server.memory().rss - before) / IDLE
        print(f"\n{each:.0f} bytes of resident memory for each idle connection ({protocol})")
        assert each <= IDLE_BYTES


@pytest.mark.parametrize("protocol", ["memcache", "one line", "meta", "resp", "mget"])
def test_gets_to_a_client_that_never_reads(server: Server, protocol: str) -> None:
    """10^5 gets of 1 MiB values, and nobody reads: 100 GiB of replies that must not be made."""
    keys = store_big(server, 4)
    many = 100_000
    requests = {
        "memcache": b"".join(b"get %b\r\n" % keys[i % 4] for i in range(many)),
        "one line": b"get " + b" ".join(keys[i % 4] for i in range(many)) + b"\r\n",
        "meta": b"".join(b"mg %b v\r\n" % keys[i % 4] for i in range(many)),
        "resp": b"".join(resp("GET", keys[i % 4]) for i in range(many)),
        "mget": resp("MGET", *(keys[i % 4] for i in range(1000))) * (many // 1000),
    }[protocol]
    with watched(server, f"never reads ({protocol})"), Crowd(server) as crowd:
        crowd.join(40, receive_buffer=4096)
        crowd.push_all(requests, 3.0)
        time.sleep(0.5)


def test_slow_reader_gets_everything(server: Server) -> None:
    """Slow is not hostile: who reads at last gets every byte, whole."""
    keys = store_big(server, 2)
    with watched(server, "slow reader"), Wire(server.address) as wire:
        wire.send(b"get %b %b\r\n" % (keys[0], keys[1]) * 10)
        time.sleep(0.5)
        total = 0
        for _ in range(10):
            for key in keys:
                head = wire.line()
                if head == b"END":
                    break
                assert head == b"VALUE %b 0 %d" % (key, BIG)
                total += len(wire.read(BIG + 2))
            else:
                assert wire.line() == b"END"
        assert total > BIG


def test_keys_of_every_length(server: Server) -> None:
    with watched(server, "keys of every length"), Wire(server.address) as memc, Wire(server.address) as redis:
        for length in range(1, 251):
            key = b"k" * length
            memc.send(b"set %b 0 0 3\r\nabc\r\nget %b\r\n" % (key, key))
            assert memc.line() == b"STORED"
            assert memc.until(b"END\r\n") == b"VALUE %b 0 3\r\nabc\r\nEND\r\n" % key
        for length in [*range(251, 3000), 10_000, 65_535, 65_536, 100_000, 500_000]:
            got = memc.ask(b"get " + b"k" * length) if length < 2000 else b"CLIENT_ERROR"
            assert got.startswith((b"CLIENT_ERROR", b"ERROR")), (length, got)
        for length in [*range(1, 2000), 10_000, 65_535, 65_536, 100_000, 500_000]:
            key = b"r" * length
            if redis.command("SET", key, "abc") == b"OK":
                assert redis.command("GET", key) == b"abc", length
                assert redis.command("DEL", key) == 1
            assert redis.command("PING") == b"PONG"


def test_half_sent_requests(server: Server) -> None:
    """Connections by the thousand, each with half of a 1 MiB set, and then silence."""
    half = b"set half 0 0 %d\r\n" % BIG + b"h" * (BIG // 2)
    with watched(server, "1500 half-sent sets"), Crowd(server) as crowd:
        crowd.join(1500)
        sent = crowd.push_all(half, 6.0)
        print(f"\n{sent / MIB:.0f} MiB taken by the kernel and the server")
        time.sleep(1.0)
    with Wire(server.address) as wire:
        assert wire.ask(b"mg half") == b"EN"


def test_half_sent_resp(server: Server) -> None:
    half = b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$%d\r\n" % BIG + b"h" * (BIG // 2)
    with watched(server, "800 half-sent RESP sets"), Crowd(server) as crowd:
        crowd.join(800)
        crowd.push_all(half, 4.0)
        time.sleep(0.5)


def test_many_small_halves(server: Server) -> None:
    """3,000 connections that each hold a kept partial line."""
    with watched(server, "3000 partial lines"), Crowd(server) as crowd:
        crowd.join(3000)
        crowd.push_all(b"get " + b"k" * 200, 5.0)
        time.sleep(0.5)


def test_senders_of_one_byte_at_a_time(server: Server) -> None:
    """Two hundred clients send a set byte by byte, and all are served in the end."""
    with watched(server, "200 byte-by-byte senders"), Crowd(server) as crowd:
        sockets = crowd.join(200)
        for sock in sockets:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"set slow 0 0 40\r\n" + b"s" * 40 + b"\r\nget slow\r\n":
            for sock in sockets:
                sock.send(bytes([byte]))
        expected = b"STORED\r\nVALUE slow 0 40\r\n" + b"s" * 40 + b"\r\nEND\r\n"
        for sock in sockets:
            got = b""
            while len(got) < len(expected):
                chunk = sock.recv(1000)
                assert chunk
                got += chunk
            assert got == expected


def test_huge_multi_get_lines(server: Server) -> None:
    """Lines of a hundred thousand keys are answered; nothing is kept of them."""
    line = b"get " + b" ".join(b"missing-key-number-%d" % i for i in range(100_000)) + b"\r\n"
    with watched(server, "huge multi-get lines"):
        with Wire(server.address) as wire:
            for _ in range(5):
                wire.send(line)
                assert wire.line() == b"END"
        with Wire(server.address) as wire:
            assert wire.command("MGET", *(f"missing{i}" for i in range(30_000))) == [None] * 30_000
        with Crowd(server) as crowd:
            crowd.join(50)
            crowd.push_all(line * 3, 3.0)


def test_huge_multi_queues(server: Server) -> None:
    with watched(server, "huge MULTI queues"), Crowd(server) as crowd:
        queue = resp("MULTI") + resp("SET", "key", b"q" * 10_000) * 2000
        crowd.join(20)
        crowd.push_all(queue, 3.0)
        time.sleep(0.3)
        crowd.join(10)
        crowd.push_all(resp("MULTI") + resp("GET", "k") * 300_000, 3.0)
        time.sleep(0.3)


def test_huge_watch_sets(server: Server) -> None:
    with watched(server, "huge WATCH sets"), Crowd(server) as crowd:
        crowd.join(10)
        crowd.push_all(b"".join(resp("WATCH", f"watched-{i}") for i in range(100_000)), 3.0)
        crowd.join(5)
        crowd.push_all(resp("WATCH", *(f"watched-{i}" for i in range(20_000))) * 10, 3.0)


@pytest.mark.parametrize("start", [b"get ", b"PING ", b"*3\r\n$", b"a", b"\x00", b'set "', b"mg "], ids=repr)
def test_endless_lines(server: Server, start: bytes) -> None:
    with watched(server, f"endless line {start!r}"), Crowd(server) as crowd:
        crowd.join(20)
        crowd.push_all(start + b"9" * (4 * MIB), 2.0)


def test_huge_declarations(server: Server) -> None:
    """Lengths that promise more than the server has."""
    heads = [
        b"*1048576\r\n",
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n",
        b"set k 0 0 2147483647\r\n",
        b"set k 0 0 67108864\r\n",
        b"ms k 67108864\r\n",
        b"*2\r\n$3\r\nGET\r\n$67108864\r\n",
        b"*1000000\r\n$4\r\nMGET\r\n" + b"$1\r\nk\r\n" * 200_000,
    ]
    for head in heads:
        with watched(server, f"declares too much: {head[:40]!r}"), Crowd(server) as crowd:
            crowd.join(20)
            crowd.push_all(head + b"x" * (4 * MIB), 1.0)


def test_random_bytes(server: Server) -> None:
    rng = random.Random(11)
    words = [b"get ", b"set ", b"mg ", b"ms ", b"ma ", b"\r\n", b" ", b"$", b"*", b"-1", b"0", b"10", b"k"]
    words += [b"\x80", b"noreply", b"MULTI", b"EXEC"]
    with watched(server, "random bytes"):
        for _ in range(40):
            with Crowd(server) as crowd:
                for sock in crowd.join(10):
                    if rng.random() < 0.5:
                        data = rng.randbytes(rng.randint(1, 5000))
                    else:
                        data = b"".join(rng.choice(words) for _ in range(rng.randint(1, 500)))
                    crowd.push(sock, data)


def test_connects_and_leaves(server: Server) -> None:
    """Connections that come and go by the thousand leave nothing behind."""
    with watched(server, "5000 short connections"):
        for _ in range(50):
            with Crowd(server) as crowd:
                for sock in crowd.join(100):
                    crowd.push(sock, b"get a\r\nget ")


def test_replies_to_the_departed(server: Server) -> None:
    """Clients that ask for megabytes and hang up at once."""
    keys = store_big(server, 2)
    with watched(server, "asks and leaves"):
        for _ in range(30):
            with Crowd(server) as crowd:
                crowd.join(10, receive_buffer=4096)
                crowd.push_all(b"get %b\r\n" % keys[0] * 100, 0.2)


def test_connection_limit(start: Starter) -> None:
    """Beyond --max-connections a client is refused, and the ones inside go on."""
    server = start("--memory", "64MiB", "--max-connections", "50", admin=True)
    with Crowd(server) as crowd, Wire(server.address) as inside:
        assert inside.ask(b"mn") == b"MN"
        crowd.join(100)
        assert inside.ask(b"mn") == b"MN"
        time.sleep(0.3)
        refused = 0
        for sock in crowd.sockets:
            sock.settimeout(0.05)
            try:
                sock.sendall(b"mn\r\n")
                refused += sock.recv(100)[:2] != b"MN"
            except TimeoutError:
                pass  # waiting in the kernel's queue counts as neither
            except OSError:
                refused += 1
        assert refused >= 51
    assert Memory.of(server.pid).rss <= LIMIT
    deadline = time.monotonic() + 10
    reply = b""
    while reply != b"MN" and time.monotonic() < deadline:  # that the crowd has left, the server learns in its own time
        with Wire(server.address) as wire:
            reply = wire.ask(b"mn")
    assert reply == b"MN"
    assert any("refused" in row and value > 0 for row, value in flat(counters(server)).items())


def test_idle_timeout(start: Starter) -> None:
    server = start("--memory", "64MiB", "--idle-timeout", "1")
    with Wire(server.address) as idle, Wire(server.address) as busy:
        assert idle.ask(b"mn") == b"MN"
        deadline = time.monotonic() + 2.5
        while time.monotonic() < deadline:
            assert busy.ask(b"mn") == b"MN"
            time.sleep(0.1)
        idle.socket.settimeout(5)
        assert not idle.more()
