"""The load client against memcached and redis-server, where installed, and against servers that misbehave."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from array import array
from collections.abc import Iterator

import pytest

from tests.bench.tiny import Memory, client_of
from whimbrel.base.errors import WhimbrelError
from whimbrel.bench.client import Client
from whimbrel.bench.schedule import Schedule
from whimbrel.bench.workload import Workload

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


@pytest.mark.slow
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
