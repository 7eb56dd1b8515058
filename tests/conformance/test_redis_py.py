"""redis-py, unmodified, on RESP2 and RESP3."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from .servers import Server

redis = pytest.importorskip("redis")

pytestmark = pytest.mark.clients


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def client(redis_server: Server, request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    made = redis.Redis(redis_server.host, redis_server.port, protocol=request.param, socket_timeout=15)
    yield made
    made.close()


def test_set_and_get(client: redis.Redis) -> None:
    assert client.get("missing") is None
    assert client.set("key", b"value") is True
    assert client.get("key") == b"value"
    assert client.set("key", "") is True
    assert client.get("key") == b""
    assert client.set("ключ-\x00-☃", b"\r\n\x00\xff") is True
    assert client.get("ключ-\x00-☃") == b"\r\n\x00\xff"


@pytest.mark.parametrize("size", [1, 1000, 65536, 1_000_000])
def test_sizes(client: redis.Redis, size: int) -> None:
    value = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    client.set("key", value)
    assert client.get("key") == value
    assert client.strlen("key") == size


def test_set_options(client: redis.Redis) -> None:
    assert client.set("key", "1", xx=True) is None
    assert client.set("key", "1", nx=True) is True
    assert client.set("key", "2", nx=True) is None
    assert client.set("key", "2", xx=True) is True
    assert client.set("key", "3", get=True) == b"2"
    assert client.set("key", "4", ex=100) is True
    assert 98 <= client.ttl("key") <= 100
    assert client.set("key", "5", keepttl=True) is True
    assert 98 <= client.ttl("key") <= 100
    assert client.set("key", "6", px=50_000) is True
    assert 48_000 <= client.pttl("key") <= 50_000
    assert client.set("key", "7", exat=int(time.time()) + 200) is True
    assert 197 <= client.ttl("key") <= 200
    assert client.set("key", "8", pxat=int(time.time() * 1000) + 300_000) is True
    assert 297_000 <= client.pttl("key") <= 300_050  # two clocks
    assert client.set("key", "9") is True
    assert client.ttl("key") == -1
    assert client.set("nothing", "x", nx=True, get=True) is None
    assert client.set("nothing", "y", nx=True, get=True) == b"x"


@pytest.mark.parametrize("ttl", [0, -1])
def test_invalid_expiry_is_an_error(client: redis.Redis, ttl: int) -> None:
    with pytest.raises(redis.ResponseError, match="invalid expire time in 'set' command"):
        client.execute_command("SET", "key", "v", "EX", ttl)
    with pytest.raises(redis.ResponseError, match="invalid expire time in 'setex' command"):
        client.setex("key", ttl, "v")
    assert client.get("key") is None


def test_setnx_setex_psetex_getset_getdel_getex(client: redis.Redis) -> None:
    assert client.setnx("key", "1") is True
    assert client.setnx("key", "2") is False
    assert client.setex("key", 100, "3") is True
    assert client.psetex("key", 100_000, "4") is True
    assert client.getset("key", "5") == b"4"
    assert client.ttl("key") == -1
    assert client.getex("key", ex=100) == b"5"
    assert 98 <= client.ttl("key") <= 100
    assert client.getex("key", persist=True) == b"5"
    assert client.ttl("key") == -1
    assert client.getdel("key") == b"5"
    assert client.getdel("key") is None


def test_mget_mset_msetnx(client: redis.Redis) -> None:
    values = {f"key{i}": str(i) for i in range(500)}
    assert client.mset(values) is True
    assert client.mget(*values, "missing") == [value.encode() for value in values.values()] + [None]
    assert client.msetnx({"new1": "1", "key1": "no"}) is False
    assert client.exists("new1") == 0
    assert client.msetnx({"new1": "1", "new2": "2"}) is True
    assert client.delete(*values) == 500
    assert client.unlink("new1", "new2", "new3") == 2


def test_append_and_ranges(client: redis.Redis) -> None:
    assert client.append("key", "hello") == 5
    assert client.append("key", " world") == 11
    assert client.getrange("key", 0, 4) == b"hello"
    assert client.getrange("key", -5, -1) == b"world"
    assert client.getrange("key", 5, 2) == b""
    assert client.getrange("missing", 0, -1) == b""
    assert client.setrange("key", 6, "redis") == 11
    assert client.get("key") == b"hello redis"
    assert client.setrange("padded", 3, "x") == 4
    assert client.get("padded") == b"\x00\x00\x00x"
    assert client.setrange("nothing", 0, "") == 0
    assert client.exists("nothing") == 0


def test_numbers(client: redis.Redis) -> None:
    assert client.incr("n") == 1
    assert client.incrby("n", 41) == 42
    assert client.decr("n") == 41
    assert client.decrby("n", 50) == -9
    assert client.incrbyfloat("f", 1.5) == 1.5
    assert client.incrbyfloat("f", 0.1) == 1.6
    assert client.get("f") == b"1.6"
    client.set("big", 2**63 - 1)
    with pytest.raises(redis.ResponseError, match="overflow"):
        client.incr("big")
    client.set("text", "abc")
    with pytest.raises(redis.ResponseError, match="not an integer"):
        client.incr("text")
    with pytest.raises(redis.ResponseError, match="not a valid float"):
        client.incrbyfloat("text", 1.0)


def test_number_keeps_its_ttl(client: redis.Redis) -> None:
    client.set("n", 1, ex=100)
    client.incr("n")
    assert 98 <= client.ttl("n") <= 100
    client.append("n", "0")
    assert 98 <= client.ttl("n") <= 100


def test_expiry_commands(client: redis.Redis) -> None:
    assert client.expire("missing", 10) is False
    assert client.ttl("missing") == -2
    assert client.pttl("missing") == -2
    client.set("key", "v")
    assert client.ttl("key") == -1
    assert client.expire("key", 100) is True
    assert 98 <= client.ttl("key") <= 100
    assert client.pexpire("key", 50_000) is True
    assert 48_000 <= client.pttl("key") <= 50_000
    at = int(time.time()) + 500
    assert client.expireat("key", at) is True
    assert client.expiretime("key") == at
    assert client.pexpireat("key", at * 1000 + 123) is True
    assert client.pexpiretime("key") == at * 1000 + 123
    assert client.persist("key") is True
    assert client.persist("key") is False
    assert client.expiretime("key") == -1
    assert client.expiretime("missing") == -2
    assert client.expire("key", -1) is True
    assert client.exists("key") == 0


def test_expire_conditions(client: redis.Redis) -> None:
    client.set("key", "v")
    assert client.expire("key", 100, xx=True) is False
    assert client.expire("key", 100, nx=True) is True
    assert client.expire("key", 50, nx=True) is False
    assert client.expire("key", 50, gt=True) is False
    assert client.expire("key", 200, gt=True) is True
    assert client.expire("key", 300, lt=True) is False
    assert client.expire("key", 50, lt=True) is True
    assert 48 <= client.ttl("key") <= 50


def test_keys_types_and_names(client: redis.Redis) -> None:
    client.set("a", 1)
    client.set("b", 2, ex=100)
    assert client.exists("a", "b", "c", "a") == 3
    assert client.touch("a", "b", "c") == 2
    assert client.type("a") == b"string"
    assert client.type("c") == b"none"
    assert client.dbsize() == 2
    assert client.randomkey() in (b"a", b"b")
    assert client.rename("b", "c") is True
    assert 98 <= client.ttl("c") <= 100
    with pytest.raises(redis.ResponseError, match="no such key"):
        client.rename("b", "d")
    assert client.copy("c", "d") is True
    assert client.copy("c", "a") is False
    assert client.copy("c", "a", replace=True) is True
    assert client.get("a") == b"2"
    assert 98 <= client.ttl("d") <= 100
    assert sorted(client.keys()) == [b"a", b"c", b"d"]
    assert client.keys("[ab]") == [b"a"]
    assert client.memory_usage("a") > 0
    assert client.memory_usage("missing") is None
    assert client.object("encoding", "a") in (b"int", b"embstr", b"raw")
    assert client.object("idletime", "a") >= 0
    assert client.flushdb() is True
    assert client.dbsize() == 0
    assert client.randomkey() is None


def test_scan_iter_sees_every_key(client: redis.Redis) -> None:
    wanted = {f"scan:{i}".encode() for i in range(3000)}
    client.mset(dict.fromkeys(wanted, b"x"))
    client.set("other", "x")
    assert set(client.scan_iter(match="scan:*", count=100)) == wanted
    assert set(client.scan_iter()) == wanted | {b"other"}
    assert set(client.scan_iter(match="scan:1?")) == {b"scan:%d" % i for i in range(10, 20)}
    assert set(client.scan_iter(_type="string", count=1000)) == wanted | {b"other"}
    assert set(client.scan_iter(_type="hash")) == set()


def test_scan_survives_changes_while_it_runs(client: redis.Redis) -> None:
    """What is there from beginning to end is returned, whatever comes and goes beside it."""
    stay = {f"stay:{i}".encode() for i in range(1000)}
    client.mset(dict.fromkeys(stay, b"x"))
    seen: set[bytes] = set()
    cursor, rounds = 0, 0
    while True:
        cursor, keys = client.scan(cursor, match="stay:*", count=50)
        seen.update(keys)
        client.mset({f"new:{rounds}:{i}": "x" for i in range(100)})
        client.delete(*(f"new:{rounds - 1}:{i}" for i in range(100)))
        rounds += 1
        if int(cursor) == 0:
            break
        assert rounds < 10_000
    assert seen == stay


def test_pipelines(client: redis.Redis) -> None:
    for transaction in (True, False):
        client.flushall()
        with client.pipeline(transaction=transaction) as pipe:
            pipe.set("a", 1).incr("a").get("a").get("missing").expire("a", 100).delete("nothing")
            assert pipe.execute() == [True, 2, b"2", None, True, 0]


def test_deep_pipeline(client: redis.Redis) -> None:
    with client.pipeline(transaction=False) as pipe:
        for i in range(10_000):
            pipe.set(f"key{i % 1000}", i)
            pipe.get(f"key{i % 1000}")
        found = pipe.execute()
    assert found == [answer for i in range(10_000) for answer in (True, b"%d" % i)]


def test_errors_inside_pipelines(client: redis.Redis) -> None:
    client.set("text", "abc")
    for transaction in (True, False):
        with client.pipeline(transaction=transaction) as pipe:
            pipe.set("a", 1).incr("text").set("b", 2)
            first, error, last = pipe.execute(raise_on_error=False)
            assert first is True and last is True and isinstance(error, redis.ResponseError)
    assert client.mget("a", "b") == [b"1", b"2"]


def test_multi_discards_all_when_a_command_is_wrong(client: redis.Redis) -> None:
    with client.pipeline(transaction=True) as pipe:
        pipe.set("a", 1)
        pipe.execute_command("NOSUCHCOMMAND", "x")
        with pytest.raises(redis.ResponseError, match="unknown command"):
            pipe.execute()
    assert client.get("a") is None


def test_watch(client: redis.Redis) -> None:
    client.set("key", 1)
    with client.pipeline() as pipe:
        pipe.watch("key")
        assert pipe.get("key") == b"1"
        pipe.multi()
        pipe.set("key", 2)
        assert pipe.execute() == [True]
        pipe.watch("key")
        client.set("key", 100)
        pipe.multi()
        pipe.set("key", 3)
        with pytest.raises(redis.WatchError):
            pipe.execute()
        pipe.watch("key")
        client.set("key", 200)
        pipe.unwatch()
        pipe.multi()
        pipe.set("key", 4)
        assert pipe.execute() == [True]
    assert client.get("key") == b"4"


def test_watch_of_a_missing_key(client: redis.Redis) -> None:
    with client.pipeline() as pipe:
        pipe.watch("missing")
        client.set("missing", "now there")
        pipe.multi()
        pipe.set("missing", "mine")
        with pytest.raises(redis.WatchError):
            pipe.execute()
        pipe.watch("still-missing", "missing")
        client.delete("missing")
        pipe.multi()
        pipe.set("missing", "mine")
        with pytest.raises(redis.WatchError):
            pipe.execute()


def test_watched_counter_under_contention(client: redis.Redis) -> None:
    client.set("counter", 0)

    def work() -> None:
        def step(pipe: redis.client.Pipeline) -> None:
            value = int(pipe.get("counter"))
            pipe.multi()
            pipe.set("counter", value + 1)

        for _ in range(25):
            client.transaction(step, "counter")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert client.get("counter") == b"100"


def test_transactions_are_not_interleaved(client: redis.Redis) -> None:
    """Two keys written together are never read apart."""
    client.mset({"x": 0, "y": 0})
    done = threading.Event()

    def write() -> None:
        i = 0
        while not done.is_set():
            i += 1
            client.pipeline().set("x", i).set("y", i).execute()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            x, y = client.pipeline().get("x").get("y").execute()
            assert x == y
    finally:
        done.set()
        writer.join(30)


def test_connection_commands(client: redis.Redis) -> None:
    assert client.ping() is True
    assert client.echo("hello") == b"hello"
    assert client.client_id() > 0
    assert client.client_setname("tester") is True
    assert client.client_getname() in ("tester", b"tester")
    rows = client.client_list()
    assert any(row["name"] == "tester" for row in rows)
    assert {"id", "addr", "age", "idle", "cmd"} <= set(rows[0])
    assert int(client.client_info()["id"]) == client.client_id()
    assert client.client_no_evict("on") in (True, b"OK", "OK")


def test_library_name_is_told(client: redis.Redis) -> None:
    """CLIENT SETINFO: Redis 7.2 and Whimbrel know it, older ones answer an error the client ignores."""
    client.ping()
    assert client.get("x") is None


def test_client_kill(client: redis.Redis, redis_server: Server) -> None:
    victim = redis.Redis(redis_server.host, redis_server.port, retry=None, single_connection_client=True)
    other = victim.client_id()
    assert client.client_kill_filter(_id=other) == 1
    assert other not in {int(row["id"]) for row in client.client_list()}
    victim.close()


def test_config(client: redis.Redis) -> None:
    assert int(client.config_get("maxmemory")["maxmemory"]) > 0
    assert "maxmemory-policy" in client.config_get("maxmemory*")
    assert client.config_get("no-such-option") == {}
    with pytest.raises(redis.ResponseError):
        client.config_set("no-such-option", "1")
    assert client.config_resetstat() is True


def test_info(client: redis.Redis) -> None:
    client.set("a", 1)
    client.get("a")
    client.get("b")
    found = client.info()
    assert found["redis_version"]
    assert found["connected_clients"] >= 1
    assert found["used_memory"] > 0
    assert found["keyspace_hits"] >= 1
    assert found["keyspace_misses"] >= 1
    assert found["db0"]["keys"] == 1
    assert found["total_commands_processed"] > 0
    assert "used_memory" in client.info("memory")
    assert "used_memory" not in client.info("clients")


def test_command_introspection(client: redis.Redis) -> None:
    assert client.command_count() > 50
    assert "get" in client.command()
    assert client.execute_command("COMMAND INFO", "get")


def test_unknown_command_and_wrong_arity(client: redis.Redis) -> None:
    with pytest.raises(redis.ResponseError, match=r"unknown command '?HGETALL|unknown command 'NOPE'"):
        client.execute_command("NOPE", "arg")
    with pytest.raises(redis.ResponseError, match="wrong number of arguments for 'get' command"):
        client.execute_command("GET")


def test_select_zero_only_matters(client: redis.Redis) -> None:
    assert client.execute_command("SELECT", 0) in (True, b"OK", "OK")
    with pytest.raises(redis.ResponseError):
        client.execute_command("SELECT", 100_000)


def test_url_with_database_zero(redis_server: Server) -> None:
    with redis.Redis.from_url(f"redis://{redis_server.where}/0", decode_responses=True) as client:
        client.set("key", "wért")
        assert client.get("key") == "wért"


def test_default_protocol(redis_server: Server) -> None:
    with redis.Redis(redis_server.host, redis_server.port) as client:
        assert client.set("key", "v") is True
        assert client.get("key") == b"v"


def test_quit(client: redis.Redis) -> None:
    assert client.quit() is True
    assert client.ping() is True


def test_lists_are_not_here_but_the_connection_stays(client: redis.Redis, redis_server: Server) -> None:
    if redis_server.kind == "redis":
        pytest.skip("Redis has lists")
    with pytest.raises(redis.ResponseError, match="unknown command"):
        client.lpush("list", 1)
    assert client.ping() is True


def test_scripts_are_refused_in_words(client: redis.Redis, redis_server: Server) -> None:
    if redis_server.kind == "redis":
        pytest.skip("Redis has scripts")
    with pytest.raises(redis.ResponseError, match=r"(?i)script"):
        client.eval("return 1", 0)
    assert client.ping() is True


def test_many_threads_share_a_client(client: redis.Redis) -> None:
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
    assert wrong == []
