"""`stats` as plain Python: numbers in, a whole reply out."""

from collections.abc import Mapping, Sequence

from whimbrel.server import counters, memcache_stats

STORE = {
    "items": 3, "item_bytes": 300, "heap_bytes": 1 << 20, "table_bytes": 4096, "segments": 8, "segments_free": 2,
    "segment_bytes": 1 << 16, "writes": 9, "evicted_items": 1, "expired_items": 2,
}  # fmt: skip
SETTINGS = {"max_item": 1 << 20, "max_connections": 100, "idle_timeout_ms": 5000, "verbosity": 1}


class Fake:
    """A server with one connected client."""

    def __init__(self, first: int) -> None:
        self.totals = [first] * counters.COUNT

    def counter_totals(self) -> Sequence[int]:
        return self.totals

    def memcache_facts(self) -> Mapping[str, object]:
        return {"threads": 4, "memory_bytes": 64 << 20, "tcp_port": 11211}

    def clients(self) -> Sequence[Mapping[str, object]]:
        return [{"id": 7, "addr": "127.0.0.1:5", "idle": 3}]


def ask(arguments: bytes, server: Fake | None = None) -> dict[str, str]:
    reply = memcache_stats.reply(arguments, STORE, SETTINGS, [0] * counters.COUNT, server)
    assert reply.endswith(b"END\r\n")
    return dict(line.split(" ", 2)[1:] for line in reply.decode().split("\r\n")[:-2])


def test_general_has_what_tools_look_for() -> None:
    found = ask(b"", Fake(5))
    assert {"pid", "uptime", "time", "version", "curr_items", "bytes", "get_hits", "evictions"} <= found.keys()
    assert found["threads"] == "4"
    assert found["limit_maxbytes"] == str(64 << 20)
    assert found["evictions"] == "1"


def test_reset_is_relative_and_connections_are_not() -> None:
    server = Fake(5)
    assert memcache_stats.reply(b"reset", STORE, SETTINGS, [], server) == b"RESET\r\n"
    server.totals = [7] * counters.COUNT
    found = ask(b"", server)
    assert found["cmd_get"] == "2"
    assert found["total_connections"] == "7"
    assert found["curr_connections"] == "0"
    server.totals = [0] * counters.COUNT
    memcache_stats.reply(b"reset", STORE, SETTINGS, [], server)


def test_settings_items_slabs_conns() -> None:
    assert ask(b"settings", Fake(0))["tcpport"] == "11211"
    assert ask(b" settings ")["num_threads"] == "1"
    assert ask(b"items")["items:1:number"] == "3"
    assert ask(b"slabs")["1:used_chunks"] == "6"
    assert ask(b"conns", Fake(0)) == {"7:addr": "127.0.0.1:5", "7:secs_since_last_cmd": "3"}
    assert ask(b"conns") == {}


def test_detail_stays_off() -> None:
    def detail(words: bytes) -> bytes:
        return memcache_stats.reply(b"detail" + words, STORE, SETTINGS, [0] * counters.COUNT, None)

    assert detail(b" off") == b"OK\r\n"
    assert detail(b"") == detail(b" on") == b"CLIENT_ERROR usage: stats detail on|off|dump\r\n"


def test_anything_else_is_an_error() -> None:
    assert memcache_stats.reply(b"foo", STORE, SETTINGS, [0] * counters.COUNT, None) == b"ERROR\r\n"
