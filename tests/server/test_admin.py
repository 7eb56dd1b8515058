import json
import re
import socket
import threading
import time
import urllib.error
from collections.abc import Iterator

import pytest

from tests.server.serving import Serving, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving() as started:
        with started.connect() as peer:
            peer.ask(b"set a 0 0 1\r\nx\r\n")
            peer.ask(b"get a b\r\n", b"END\r\n")
        yield started


def raw(server: Serving, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.admin_port), timeout=20) as peer:
        peer.sendall(request)
        got = b""
        while data := peer.recv(1 << 16):
            got += data
        return got


def when_counted(server: Serving, line: str) -> str:
    """The page once it has that line: a request is counted behind its reply."""
    deadline = time.monotonic() + 10
    text = server.get("/metrics").decode()
    while line not in text and time.monotonic() < deadline:
        text = server.get("/metrics").decode()
    return text


def test_metrics_are_prometheus_text(server: Serving) -> None:
    wanted = 'whimbrel_commands_total{protocol="memcache",command="get"} 1\n'
    text = when_counted(server, wanted)
    line = re.compile(r"(# (HELP|TYPE) whimbrel_\w+ .+|whimbrel_\w+(\{[^}]*\})? [-+0-9.e]+)")
    assert all(line.fullmatch(row) for row in text.splitlines())
    assert wanted in text
    assert 'whimbrel_request_seconds_count{protocol="memcache",command="set"} 1\n' in text
    assert "whimbrel_memcache_get_hits_total 1\n" in text


@pytest.mark.memory
def test_stats_are_json_with_percentiles_per_command(server: Serving) -> None:
    page = json.loads(server.get("/stats.json"))
    assert page["commands"]["memcache/get"]["count"] == 1
    assert 0 < page["commands"]["memcache/get"]["p50_us"] < 10_000_000
    assert sum(page["memory"]["plan"].values()) == 64 << 20
    assert page["read_wait"]["count"] > 0


def test_health_and_readiness(server: Serving) -> None:
    assert server.get("/healthz") == b"ok\n"
    assert server.get("/readyz") == b"ready\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /nothing HTTP/1.1\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /" + b"x" * 20000, 400),
        (b"GET /healthz?verbose=1 HTTP/1.0\n\n", 200),
    ],
)
def test_other_requests_get_their_status(server: Serving, request_: bytes, status: int) -> None:
    assert raw(server, request_).startswith(b"HTTP/1.1 %d " % status)


def test_head_has_no_body(server: Serving) -> None:
    head, _, body = raw(server, b"HEAD /healthz HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")
    assert b"Content-Length: 3" in head and body == b""


def test_who_sends_nothing_does_not_keep_others_out(server: Serving) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.admin_port), timeout=20) for _ in range(100)]
    try:
        assert server.get("/healthz") == b"ok\n"
    finally:
        for peer in silent:
            peer.close()


def test_it_answers_while_the_data_path_is_saturated(server: Serving) -> None:
    done = threading.Event()

    def flood() -> None:
        with server.connect() as peer:
            while not done.is_set():
                peer.ask(b"get a\r\n" * 2000 + b"mn\r\n", b"MN\r\n")

    threads = [threading.Thread(target=flood) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for page in ("/metrics", "/stats.json", "/readyz") * 3:
            assert server.get(page)
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_it_is_off_unless_asked_for() -> None:
    with serving(admin=False) as plain:
        assert "admin" not in plain.line
        with pytest.raises(urllib.error.URLError):
            plain.get("/healthz")
