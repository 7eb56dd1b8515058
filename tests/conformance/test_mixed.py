"""What one protocol writes the other reads: values, flags, expiry and compare-and-swap are one thing."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from .servers import Server
from .wire import Wire

pytestmark = pytest.mark.clients


@pytest.fixture
def memc(ours: Server) -> Iterator[Wire]:
    with Wire(ours.address) as wire:
        yield wire


@pytest.fixture
def redis(ours: Server) -> Iterator[Wire]:
    with Wire(ours.address) as wire:
        yield wire


def fetch(memc: Wire, key: str, flags: str = "") -> tuple[bytes, bytes]:
    head = memc.ask(f"mg {key} v {flags}".strip().encode())
    assert head.startswith(b"VA "), head
    data = memc.read(int(head.split()[1]) + 2)
    return head, data[:-2]


def store(memc: Wire, key: str, value: bytes, flags: str = "") -> bytes:
    memc.send(b"ms %b %d %b\r\n%b\r\n" % (key.encode(), len(value), flags.encode(), value))
    return memc.line()


def test_values_cross(memc: Wire, redis: Wire) -> None:
    assert store(memc, "a", b"from memcache") == b"HD"
    assert redis.command("GET", "a") == b"from memcache"
    assert redis.command("SET", "b", b"\r\nfrom redis\x00") == b"OK"
    assert fetch(memc, "b")[1] == b"\r\nfrom redis\x00"
    assert redis.command("DEL", "a") == 1
    assert memc.ask(b"mg a v") == b"EN"
    assert memc.ask(b"md b") == b"HD"
    assert redis.command("GET", "b") is None


def test_flags_survive_a_redis_reader_and_end_with_a_redis_writer(memc: Wire, redis: Wire) -> None:
    store(memc, "key", b"v", "F7")
    assert redis.command("GET", "key") == b"v"
    assert redis.command("EXPIRE", "key", 100) == 1
    assert b" f7" in fetch(memc, "key", "f")[0]
    redis.command("SET", "key", "w")
    assert b" f0" in fetch(memc, "key", "f")[0]


def test_expiry_is_one(memc: Wire, redis: Wire) -> None:
    store(memc, "key", b"v", "T100")
    assert 98_000 < redis.command("PTTL", "key") <= 100_000  # type: ignore[operator]
    redis.command("PEXPIRE", "key", 50_000)
    assert int(memc.ask(b"mg key t").split(b"t")[1]) in (49, 50)
    redis.command("PERSIST", "key")
    assert memc.ask(b"mg key t") == b"HD t-1"
    assert memc.ask(b"touch key 30") == b"TOUCHED"
    assert 28 <= redis.command("TTL", "key") <= 30  # type: ignore[operator]
    assert memc.ask(b"touch key -1") == b"TOUCHED"
    assert redis.command("EXISTS", "key") == 0


def test_millisecond_expiry_shows_through_memcache(memc: Wire, redis: Wire) -> None:
    redis.command("SET", "key", "v", "PX", 150)
    time.sleep(0.2)
    assert memc.ask(b"mg key v") == b"EN"


def test_a_redis_write_spends_a_memcache_token(memc: Wire, redis: Wire) -> None:
    for write in (("SET", "key", 2), ("INCR", "key"), ("APPEND", "key", "0"), ("GETSET", "key", 9)):
        store(memc, "key", b"1")
        token = memc.ask(b"mg key c").split(b"c")[1].decode()
        redis.command(*write)
        assert store(memc, "key", b"late", f"C{token}") == b"EX"
    token = memc.ask(b"mg key c").split(b"c")[1].decode()
    redis.command("DEL", "key")
    assert store(memc, "key", b"late", f"C{token}") == b"NF"
    redis.command("SET", "key", "again")
    assert store(memc, "key", b"late", f"C{token}") == b"EX"


def test_a_memcache_write_breaks_a_watch(memc: Wire, redis: Wire) -> None:
    for write in (b"ms key 1\r\n2", b"incr key 5", b"md key"):
        redis.command("SET", "key", 1)
        redis.command("WATCH", "key")
        assert memc.ask(write) in (b"HD", b"6")
        redis.command("MULTI")
        redis.command("SET", "key", 3)
        assert redis.command("EXEC") is None, write


def test_numbers_cross(memc: Wire, redis: Wire) -> None:
    assert redis.command("INCRBY", "n", 41) == 41
    assert memc.ask(b"incr n 1") == b"42"
    assert redis.command("DECR", "n") == 41
    redis.command("SET", "n", -5)
    assert memc.ask(b"incr n 1") == b"CLIENT_ERROR cannot increment or decrement non-numeric value"


def test_flush_and_counts(memc: Wire, redis: Wire) -> None:
    for i in range(10):
        store(memc, f"key{i}", b"v")
    assert redis.command("DBSIZE") == 10
    assert sorted(redis.command("KEYS", "*")) == [b"key%d" % i for i in range(10)]  # type: ignore[call-overload]
    assert memc.ask(b"flush_all") == b"OK"
    assert redis.command("DBSIZE") == 0
    redis.command("SET", "a", 1)
    assert redis.command("FLUSHALL") == b"OK"
    assert memc.ask(b"mg a") == b"EN"


def test_keys_only_redis_can_name_do_not_disturb(memc: Wire, redis: Wire) -> None:
    redis.command("SET", b"with space\r\n\x00", "v")
    assert redis.command("GET", b"with space\r\n\x00") == b"v"
    assert memc.ask(b"mg d2l0aCBzcGFjZQ0KAA== b v") == b"VA 1"
    assert memc.read(3) == b"v\r\n"


def test_binary_memcache_is_refused_in_one_line(ours: Server) -> None:
    with Wire(ours.address) as wire:
        wire.send(b"\x80\x00\x00\x03" + b"\x00" * 20 + b"key")
        answer = wire.rest()
    assert answer.count(b"\n") <= 1 and b"binary" in answer.lower(), answer


HTTP = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"]


@pytest.mark.parametrize("request_", HTTP)
def test_http_is_refused_in_one_line(ours: Server, request_: bytes) -> None:
    with Wire(ours.address) as wire:
        wire.send(request_)
        answer = wire.rest()
    assert answer.count(b"\n") == 1 and b"HTTP" in answer, answer
