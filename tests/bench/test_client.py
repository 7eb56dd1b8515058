"""The load client against memcached and redis-server, where installed, and against servers that misbehave."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from array import array
from collections.abc import Callable, Iterator

import pytest

from whimbrel.base.errors import WhimbrelError
from whimbrel.bench.client import Client
from whimbrel.bench.report import both_ns, kept_up
from whimbrel.bench.schedule import Schedule
from whimbrel.bench.workload import Workload

STALL_S = 0.2

# ---- a server of our own, slow and simple: memcache text, one thread a connection, scripted by a function ----

Reply = Callable[[int, list[bytes], bytes], bytes | None]


class TinyServer:
    """Answers each request by `reply(number, words, value)`; None closes the connection."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.asked = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.target: tuple[str, int] = self.listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _peer = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as requests:
            for line in requests:
                words = line.split()
                value = requests.read(int(words[4]) + 2)[:-2] if words[0] == b"set" else b""
                with self.lock:
                    self.asked += 1
                    answer = self.reply(self.asked, words, value)
                if answer is None:
                    return
                try:
                    connection.sendall(answer)
                except OSError:
                    return


class Memory:
    """A reply function that stores, as memcached does."""

    def __init__(self) -> None:
        self.items: dict[bytes, bytes] = {}

    def __call__(self, _number: int, words: list[bytes], value: bytes) -> bytes | None:
        if words[0] == b"set":
            self.items[words[1]] = value
            return b"STORED\r\n"
        if words[1] not in self.items:
            return b"END\r\n"
        found = self.items[words[1]]
        return b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (words[1], len(found), found)


@pytest.fixture
def tiny() -> Iterator[Callable[[Reply], TinyServer]]:
    started: list[TinyServer] = []

    def start(reply: Reply) -> TinyServer:
        started.append(TinyServer(reply))
        return started[-1]

    yield start
    for server in started:
        server.close()


def client_of(server: TinyServer, workload: Workload, connections: int = 4, pipeline: int = 1) -> Client:
    return Client(server.target, workload, protocol="memcache", connections=connections, pipeline=pipeline)


# ---- counts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pipeline", [1, 7])
def test_a_prefill_stores_every_key_once(tiny, pipeline):
    memory = Memory()
    workload = Workload(keys=500, key_size=(5, 20), value_size=(0, 300))
    result = client_of(tiny(memory), workload, pipeline=pipeline).prefill()
    assert result["stored"] == result["requests"] == len(memory.items) == 500
    assert {len(key) for key in memory.items} <= set(range(5, 21))
    assert len({len(value) for value in memory.items.values()}) > 100


@pytest.mark.parametrize("pipeline", [1, 7])
def test_counts_are_those_of_the_server(tiny, pipeline):
    server = tiny(Memory())
    client = client_of(server, Workload(keys=300, get_share=0.8, value_size=(1, 50)), pipeline=pipeline)
    client.prefill()
    before = server.asked
    result = client.run(Schedule(requests=2_000))
    assert server.asked - before == result["requests"] == result["asked"] == 2_000
    assert result["hits"] + result["stored"] == 2_000
    assert result["misses"] == result["refused"] == result["wrong"] == result["unanswered"] == result["lost"] == 0
    assert 0.7 < result["hits"] / 2_000 < 0.9
    assert result["get_ns"].count == result["hits"]
    assert result["set_ns"].count == result["stored"]


def test_a_miss_is_filled_when_asked(tiny):
    memory = Memory()
    workload = Workload(keys=50, get_share=1.0, fill=True)
    result = client_of(tiny(memory), workload).run(Schedule(requests=1_000))
    assert result["stored"] == result["misses"]
    assert 50 <= result["misses"] < 60  # a key may be missed by as many connections as there are
    assert set(map(len, memory.items.values())) == {100}


def test_zipf_prefers_few_keys(tiny):
    seen: dict[bytes, int] = {}

    def reply(_number: int, words: list[bytes], _value: bytes) -> bytes:
        seen[words[1]] = seen.get(words[1], 0) + 1
        return b"END\r\n"

    workload = Workload(keys=1_000, get_share=1.0, zipf=1.0)
    client_of(tiny(reply), workload, pipeline=8).run(Schedule(requests=10_000))
    counts = sorted(seen.values(), reverse=True)
    # rank 1 of Zipf 1.0 over 1,000 keys has 1/H(1000) = 13.4 %; rank 2 half of that
    assert 1_100 < counts[0] < 1_600
    assert 500 < counts[1] < 850


def test_errors_and_wrong_values_are_counted(tiny):
    def reply(number: int, words: list[bytes], _value: bytes) -> bytes:
        if words[0] == b"set":
            return b"SERVER_ERROR out of memory storing object\r\n"
        return b"VALUE %s 0 3\r\nno!\r\nEND\r\n" % words[1] if number % 2 else b"END\r\n"

    result = client_of(tiny(reply), Workload(keys=10, get_share=0.5)).run(Schedule(requests=400))
    assert result["requests"] == 400
    assert result["refused"] > 100
    assert result["hits"] == result["wrong"] > 20
    assert result["misses"] > 20


def test_values_are_compared_only_when_asked(tiny):
    def reply(_number: int, words: list[bytes], _value: bytes) -> bytes:
        return b"VALUE %s 0 3\r\nno!\r\nEND\r\n" % words[1]

    result = client_of(tiny(reply), Workload(keys=10, get_share=1.0, check=False)).run(Schedule(requests=100))
    assert (result["hits"], result["wrong"]) == (100, 0)


@pytest.mark.parametrize("answer", [None, b"nonsense\r\n", b"STORED\r\n", b"END\r\nEND\r\n"])
def test_a_lost_connection_ends_what_it_had(tiny, answer):
    server = tiny(lambda number, _words, _value: answer if number == 20 else b"END\r\n")
    result = client_of(server, Workload(keys=10, get_share=1.0), connections=1).run(Schedule(requests=100))
    assert result["lost"] == 1
    assert result["requests"] + result["unanswered"] < 25


def test_values_larger_than_any_buffer(tiny):
    memory = Memory()
    workload = Workload(keys=3, value_size=(300_000, 300_000), get_share=1.0)
    client = client_of(tiny(memory), workload, connections=2, pipeline=3)
    client.prefill()
    result = client.run(Schedule(requests=30))
    assert (result["hits"], result["wrong"]) == (30, 0)


def test_a_trace_keeps_the_order_of_each_key(tiny):
    memory = Memory()
    keys = array("I", [0, 1, 0, 2, 2, 1, 0, 3])
    sizes = array("I", [10, 20, 10, 30, 30, 20, 10, 0])
    workload = Workload(keys=4, value_size=(0, 30), fill=True)
    result = client_of(tiny(memory), workload, connections=3).replay(keys, sizes)
    assert (result["misses"], result["hits"], result["stored"]) == (4, 4, 4)
    assert sorted(map(len, memory.items.values())) == [0, 10, 20, 30]


# ---- time --------------------------------------------------------------------------------------------------


def stall_at(number_of_stall: int) -> Reply:
    def reply(number: int, _words: list[bytes], _value: bytes) -> bytes:
        if number == number_of_stall:
            time.sleep(STALL_S)
        return b"END\r\n"

    return reply


def test_an_open_loop_charges_a_stall_to_all_it_delays(tiny):
    """200 ms of 1,000 ms: every fifth request was due in the stall, answered or not, connection or not."""
    client = client_of(tiny(stall_at(200)), Workload(keys=10, get_share=1.0), connections=2)
    result = client.run(Schedule("fixed", rate=500, duration_s=1))
    assert result["requests"] == 500
    assert result["unsent"] == result["unanswered"] == 0
    latencies = result["get_ns"]
    assert latencies.max_ns >= STALL_S * 1e9 * 0.99
    assert latencies.percentile(99) >= 0.9 * STALL_S * 1e9
    assert latencies.percentile(90) >= 0.4 * STALL_S * 1e9


def test_a_closed_loop_does_not_and_is_named_so(tiny):
    client = client_of(tiny(stall_at(200)), Workload(keys=10, get_share=1.0), connections=2)
    result = client.run(Schedule(requests=1_000))
    waited = sum(count for low, _high, count in result["get_ns"].buckets() if low > 0.9 * STALL_S * 1e9)
    assert 1 <= waited <= 2  # one a connection


@pytest.mark.parametrize("pace", ["fixed", "poisson"])
def test_an_open_loop_asks_at_its_rate(tiny, pace):
    server = tiny(lambda *_asked: b"END\r\n")
    result = client_of(server, Workload(keys=10, get_share=1.0)).run(Schedule(pace, rate=400, duration_s=1))
    assert result["requests"] == server.asked
    assert result["requests"] == 400 if pace == "fixed" else 300 < result["requests"] < 500
    assert result["late_ns"].count == result["requests"]
    assert isinstance(kept_up(result), bool)


def test_what_is_never_answered_is_charged(tiny):
    """Requests that were due and found no connection count with the time they waited until the run gave up."""
    server = tiny(lambda number, _words, _value: b"END\r\n" if number < 10 else b"")
    client = client_of(server, Workload(keys=10, get_share=1.0), connections=2)
    result = client.run(Schedule("fixed", rate=1_000, duration_s=0.2), drain_ns=100_000_000)
    assert result["requests"] == 9
    assert result["unanswered"] == 2
    assert result["unsent"] == 200 - 11
    assert both_ns(result).count == 200
    assert result["get_ns"].percentile(50) >= 100_000_000


def test_a_warm_up_is_sent_and_not_counted(tiny):
    server = tiny(lambda *_asked: b"END\r\n")
    client = client_of(server, Workload(keys=10, get_share=1.0))
    result = client.run(Schedule("fixed", rate=500, duration_s=0.2, warmup_s=0.4))
    assert server.asked == result["asked"] == 300
    assert result["requests"] == result["get_ns"].count == 100


# ---- the real servers --------------------------------------------------------------------------------------

COMMANDS = {
    "memcache": ["memcached", "-l", "127.0.0.1", "-U", "0", "-u", "root", "-p"],
    "resp": ["redis-server", "--save", "", "--bind", "127.0.0.1", "--port"],
}


@pytest.fixture(params=COMMANDS)
def original(request: pytest.FixtureRequest) -> Iterator[tuple[str, tuple[str, int]]]:
    command = COMMANDS[request.param]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        target: tuple[str, int] = s.getsockname()
    process = subprocess.Popen([*command, str(target[1])], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(target, timeout=1).close()
                break
            except OSError:
                time.sleep(0.02)
        yield request.param, target
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("pipeline", [1, 32])
def test_originals_give_back_what_was_stored(original, pipeline):
    protocol, target = original
    workload = Workload(keys=2_000, key_size=(8, 40), value_size=(0, 2_000), zipf=0.9, ttl_s=(100, 200))
    client = Client(target, workload, protocol=protocol, connections=10, pipeline=pipeline)
    assert client.prefill()["stored"] == 2_000
    result = client.run(Schedule(requests=10_000))
    assert result["hits"] + result["stored"] == 10_000
    assert result["misses"] == result["refused"] == result["wrong"] == 0


# ---- bad input ---------------------------------------------------------------------------------------------


def test_nobody_listens():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        with pytest.raises(WhimbrelError, match=r"cannot connect to 127\.0\.0\.1:\d+: Connection refused"):
            Client(s.getsockname(), Workload(), protocol="memcache", connections=1)


def test_a_trace_needs_as_many_sizes_as_keys(tiny):
    client = client_of(tiny(Memory()), Workload(keys=10))
    with pytest.raises(WhimbrelError, match="1 keys and 2 sizes"):
        client.replay(array("I", [1]), array("I", [1, 2]))
