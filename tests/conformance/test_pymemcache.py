"""pymemcache, unmodified: every command it has."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from .servers import Server

pytest.importorskip("pymemcache")

from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.client.retrying import RetryingClient
from pymemcache.exceptions import MemcacheClientError, MemcacheIllegalInputError
from pymemcache.serde import compressed_serde, pickle_serde

pytestmark = pytest.mark.clients


@pytest.fixture
def client(memcache: Server) -> Iterator[Client]:
    with closing(Client(memcache.address, timeout=10, connect_timeout=10, default_noreply=False)) as made:
        yield made


def test_set_and_get(client: Client) -> None:
    assert client.get("missing") is None
    assert client.get("missing", b"default") == b"default"
    assert client.set("key", b"value") is True
    assert client.get("key") == b"value"
    assert client.set("key", b"") is True
    assert client.get("key") == b""


@pytest.mark.parametrize("size", [1, 2, 100, 1000, 4096, 65535, 65536, 300_000, 1_000_000])
def test_values_of_many_sizes(client: Client, size: int) -> None:
    value = bytes(i * 31 % 256 for i in range(251)) * (size // 251 + 1)
    assert client.set("sized", value[:size])
    assert client.get("sized") == value[:size]


def test_value_with_line_ends_and_commands_inside(client: Client) -> None:
    value = b"\r\nEND\r\nset other 0 0 1\r\nx\r\n\x00\xff"
    assert client.set("key", value)
    assert client.get("key") == value
    assert client.get("other") is None


@pytest.mark.parametrize("length", [1, 2, 5, 31, 32, 33, 127, 128, 249, 250])
def test_keys_of_many_lengths(client: Client, length: int) -> None:
    key = "k" * length
    assert client.set(key, str(length).encode())
    assert client.get(key) == str(length).encode()
    assert client.delete(key) is True


def test_key_too_long_is_refused_by_the_client_too(client: Client) -> None:
    with pytest.raises(MemcacheIllegalInputError):
        client.get("k" * 251)


def test_unicode_keys(memcache: Server) -> None:
    with closing(Client(memcache.address, allow_unicode_keys=True, default_noreply=False)) as client:
        assert client.set("schlüssel-☃", b"wert")
        assert client.get("schlüssel-☃") == b"wert"


def test_add_and_replace(client: Client) -> None:
    assert client.replace("key", b"no") is False
    assert client.add("key", b"first") is True
    assert client.add("key", b"second") is False
    assert client.get("key") == b"first"
    assert client.replace("key", b"third") is True
    assert client.get("key") == b"third"


def test_append_and_prepend(client: Client) -> None:
    assert client.append("key", b"x") is False
    assert client.prepend("key", b"x") is False
    client.set("key", b"middle")
    assert client.append("key", b"-end") is True
    assert client.prepend("key", b"start-") is True
    assert client.get("key") == b"start-middle-end"


def test_cas(client: Client) -> None:
    assert client.cas("key", b"v", "1") is None  # NOT_FOUND
    client.set("key", b"one")
    value, token = client.gets("key")
    assert value == b"one" and token.isdigit()
    assert client.cas("key", b"two", token) is True
    assert client.cas("key", b"three", token) is False
    assert client.get("key") == b"two"


def test_cas_token_dies_with_any_write(client: Client) -> None:
    for write in (
        lambda: client.set("key", b"5"),
        lambda: client.append("key", b"0"),
        lambda: client.incr("key", 1),
        lambda: client.replace("key", b"7"),
    ):
        client.set("key", b"1")
        token = client.gets("key")[1]
        write()
        assert client.cas("key", b"late", token) is False


def test_cas_counts_exactly_under_contention(memcache: Server) -> None:
    """Eight writers, one counter: not one increment is lost, none succeeds twice."""
    per_thread, threads = 50, 8

    def work() -> None:
        with closing(Client(memcache.address, timeout=30)) as client:
            for _ in range(per_thread):
                while True:
                    value, token = client.gets("counter")
                    if client.cas("counter", str(int(value) + 1), token):
                        break

    with closing(Client(memcache.address, timeout=30, default_noreply=False)) as client:
        client.set("counter", "0")
        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert client.get("counter") == str(per_thread * threads).encode()


def test_get_many_gets_many_set_many(client: Client) -> None:
    values = {f"key{i}": str(i).encode() for i in range(300)}
    assert client.set_many(values) == []
    found = client.get_many([*values, "missing"])
    assert found == values
    with_tokens = client.gets_many(list(values))
    assert {key: pair[0] for key, pair in with_tokens.items()} == values
    assert len({pair[1] for pair in with_tokens.values()}) == len(values)  # tokens are unique
    assert client.delete_many(list(values)) is True
    assert client.get_many(list(values)) == {}


def test_multi_get_of_thousands_of_keys_on_one_line(client: Client) -> None:
    values = {f"a-rather-long-key-for-a-long-line-{i:06d}": b"v%d" % i for i in range(5000)}
    client.set_many(values, noreply=True)
    assert client.get_many(list(values)) == values


def test_repeated_keys_in_one_get(client: Client) -> None:
    client.set("a", b"1")
    assert client.get_many(["a", "a", "b", "a"]) == {"a": b"1"}


def test_noreply(client: Client) -> None:
    client.set("a", b"1", noreply=True)
    client.add("b", b"2", noreply=True)
    client.replace("a", b"3", noreply=True)
    client.append("a", b"4", noreply=True)
    client.prepend("a", b"0", noreply=True)
    client.set("n", b"10", noreply=True)
    client.incr("n", 5, noreply=True)
    client.decr("n", 1, noreply=True)
    client.touch("a", 100, noreply=True)
    token = client.gets("b")[1]
    client.cas("b", b"22", token, noreply=True)
    client.set("gone", b"x", noreply=True)
    client.delete("gone", noreply=True)
    assert client.get_many(["a", "b", "n", "gone"]) == {"a": b"034", "b": b"22", "n": b"14"}


def test_incr_and_decr(client: Client) -> None:
    assert client.incr("n", 1) is None
    client.set("n", b"10")
    assert client.incr("n", 5) == 15
    assert client.decr("n", 6) == 9
    assert client.decr("n", 100) == 0
    client.set("n", str(2**64 - 1).encode())
    assert client.incr("n", 1) == 0  # wraps at 64 bits
    client.set("n", b"99")
    assert client.incr("n", 1) == 100  # grows by a digit
    assert client.get("n") == b"100"


def test_decr_keeps_the_length_of_the_value(client: Client) -> None:
    """memcached pads with spaces when a number gets shorter in place; what a client then reads still parses."""
    client.set("n", b"1000")
    assert client.decr("n", 1) == 999
    assert int(client.get("n")) == 999


def test_incr_of_text_is_a_client_error(client: Client) -> None:
    client.set("n", b"text")
    with pytest.raises(MemcacheClientError, match="non-numeric"):
        client.incr("n", 1)
    assert client.get("n") == b"text"


def test_delete(client: Client) -> None:
    assert client.delete("key") is False
    client.set("key", b"1")
    assert client.delete("key") is True
    assert client.get("key") is None


def test_touch(client: Client) -> None:
    assert client.touch("key", 10) is False
    client.set("key", b"1", expire=1)
    assert client.touch("key", 100) is True
    time.sleep(1.2)
    assert client.get("key") == b"1"
    assert client.touch("key", -1) is True
    assert client.get("key") is None


def test_expiry(client: Client) -> None:
    client.set("short", b"1", expire=1)
    client.set("never", b"1", expire=0)
    client.set("negative", b"1", expire=-1)
    client.set("absolute", b"1", expire=int(time.time()) + 1000)
    client.set("past", b"1", expire=int(time.time()) - 10)
    client.set("month", b"1", expire=30 * 24 * 3600)
    found = client.get_many(["negative", "past", "never", "absolute", "month"])
    assert sorted(found) == ["absolute", "month", "never"]
    deadline = time.monotonic() + 5
    while client.get("short") is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_flush_all(client: Client) -> None:
    client.set("key", b"1")
    assert client.flush_all() is True
    assert client.get("key") is None
    client.set("key", b"2")
    assert client.get("key") == b"2"


def test_flush_all_with_delay(client: Client) -> None:
    client.set("key", b"1")
    assert client.flush_all(delay=2) is True
    assert client.get("key") == b"1"
    deadline = time.monotonic() + 6
    while client.get("key") is not None:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_stats(client: Client) -> None:
    before = client.stats()
    client.set("key", b"1")
    client.get("key")
    client.get("missing")
    after = client.stats()
    for row in (b"cmd_get", b"cmd_set", b"get_hits", b"get_misses"):
        assert after[row] > before[row], row
    for row in (b"pid", b"uptime", b"time", b"version", b"curr_connections", b"curr_items", b"bytes"):
        assert row in after, row
    assert after[b"curr_items"] == before[b"curr_items"] + 1
    assert client.stats("settings")[b"maxbytes"] > 0
    client.stats("items")
    assert client.raw_command("stats reset") == b"RESET"
    assert client.stats()[b"cmd_get"] == 0


def test_version_and_verbosity(client: Client) -> None:
    assert client.version()
    assert client.raw_command("verbosity 1") == b"OK"
    assert client.raw_command("verbosity 0") == b"OK"


def test_quit_closes(client: Client) -> None:
    client.set("key", b"1")
    client.quit()
    assert client.get("key") == b"1"  # the client connects anew


@pytest.mark.parametrize("serde", [pickle_serde, compressed_serde], ids=["pickle", "compressed"])
def test_serde_flags_come_back(memcache: Server, serde: object) -> None:
    with closing(Client(memcache.address, serde=serde, default_noreply=False)) as client:
        for value in ("text", b"bytes", 42, 2**70, {"a": [1, 2, (3, None)]}, "long " * 2000):
            client.set("key", value)
            assert client.get("key") == value


def test_key_prefix(memcache: Server) -> None:
    with closing(Client(memcache.address, key_prefix=b"p:", default_noreply=False)) as client:
        client.set("key", b"1")
        assert client.get_many(["key"]) == {"key": b"1"}
    with closing(Client(memcache.address)) as bare:
        assert bare.get("p:key") == b"1"


def test_pooled_client_from_many_threads(memcache: Server) -> None:
    client = PooledClient(memcache.address, max_pool_size=8, timeout=30, default_noreply=False)
    wrong: list[object] = []

    def work(name: int) -> None:
        for i in range(100):
            key, value = f"t{name}-{i}", b"%d:%d" % (name, i)
            client.set(key, value)
            if (got := client.get(key)) != value:
                wrong.append((key, got))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    client.close()
    assert wrong == []


def test_hash_client(memcache: Server) -> None:
    client = HashClient([memcache.address], timeout=10, default_noreply=False)
    assert client.set_many({"a": b"1", "b": b"2"}) == []
    assert client.get_many(["a", "b", "c"]) == {"a": b"1", "b": b"2"}
    assert client.incr("a", 2) == 3
    value, token = client.gets("b")
    assert client.cas("b", b"3", token) is True
    client.flush_all()
    assert client.get("a") is None
    client.close()


def test_retrying_client(memcache: Server) -> None:
    client = RetryingClient(Client(memcache.address, default_noreply=False), attempts=2)
    assert client.set("key", b"1")
    assert client.get("key") == b"1"
    client.close()
