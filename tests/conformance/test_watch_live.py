"""Live: real servers and real clients; what `whimbrel watch` reports is what the clients counted, exactly.

On loopback and between two network namespaces.  Needs the right to capture (CAP_NET_RAW), else it is skipped.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.agent import hubs
from tests.agent.reading import batches_of

from .servers import child_environment, free_port, missing, running
from .watching import Call, command, plain_environment

pytestmark = pytest.mark.clients

START_S, STOP_S, SETTLE_S = 30.0, 30.0, 0.5


@pytest.fixture(autouse=True)
def needs_the_right_to_capture() -> None:
    from whimbrel.capture.privilege import capture_rights

    if (why := capture_rights()) is not None:
        pytest.skip(why)


class Watcher:
    """A `whimbrel watch --calls --reveal` that is capturing."""

    def __init__(self, arguments: list[str], place: Path, before: list[str]) -> None:
        self.errors = place / "watch.stderr"
        self.output = place / "watch.stdout"
        environment = plain_environment()
        with self.errors.open("wb") as errors, self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*before, *command(*arguments)], stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment
            )
        deadline = time.monotonic() + START_S
        while "watching " not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.02)

    def said(self) -> str:
        return self.errors.read_text()

    def stop(self) -> int:
        if self.process.poll() is None:
            time.sleep(SETTLE_S)  # a block of the ring is handed over at the latest after some milliseconds
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)

    def calls(self) -> list[Call]:
        assert self.stop() == 0, self.said()
        return [json.loads(line) for line in self.output.read_bytes().splitlines()]


@contextmanager
def watching(place: Path, *arguments: str, before: list[str] | None = None) -> Iterator[Watcher]:
    watcher = Watcher([*arguments], place, before or [])
    try:
        yield watcher
    finally:
        if watcher.process.poll() is None:
            watcher.process.kill()
            watcher.process.wait(STOP_S)


def calls_on(port: int, place: Path) -> Any:
    return watching(place, "-i", "lo", "-f", f"tcp port {port}", "--calls", "--reveal")


def told(calls: list[Call]) -> Counter[tuple[Any, ...]]:
    names = ("method", "path", "status", "request_bytes", "response_bytes")
    return Counter((*(call[name] for name in names), tuple(call["flags"])) for call in calls)


# ---- HTTP ----------------------------------------------------------------------------------------------


class Pages(BaseHTTPRequestHandler):
    """/bytes/N has N bytes, /chunks/N sends them in chunks, /status/N answers N, POST echoes."""

    protocol_version = "HTTP/1.1"
    pieces: ClassVar[int] = 777

    def do_GET(self) -> None:
        kind, number = self.path.split("/")[1:3]
        size = int(number.partition("?")[0])
        if kind == "chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(0, size, self.pieces):
                piece = b"c" * min(self.pieces, size - at)
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        elif kind == "status":
            self.answer(size, b"" if size in (204, 304) else b"s")
        else:
            self.answer(200, b"b" * size)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.answer(201, self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        return


@contextmanager
def pages(host: str = "127.0.0.1") -> Iterator[int]:
    server = ThreadingHTTPServer((host, 0), Pages)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def ask_pages(port: int, turns: int) -> Counter[tuple[Any, ...]]:
    """Many kinds of request over one connection; what the client saw."""
    seen: Counter[tuple[Any, ...]] = Counter()
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for turn in range(turns):
        for method, path, body in (
            ("GET", f"/bytes/{turn * 311}", b""),
            ("GET", f"/chunks/{turn * 207}?q={turn}", b""),
            ("HEAD", "/bytes/5000", b""),
            ("GET", "/status/404", b""),
            ("GET", "/status/204", b""),
            ("GET", "/status/304", b""),
            ("POST", "/echo", b"e" * (turn * 97 + 1)),
        ):
            client.request(method, path, body or None)
            response = client.getresponse()
            seen[method, path, response.status, len(body), len(response.read()), ()] += 1
    client.close()
    return seen


def test_http_client_and_server_of_the_standard_library(tmp_path: Path) -> None:
    with pages() as port, calls_on(port, tmp_path) as watcher:
        counts = [Counter[tuple[Any, ...]]() for _ in range(4)]

        def ask(place: int) -> None:
            counts[place] = ask_pages(port, 25)

        threads = [threading.Thread(target=ask, args=(place,)) for place in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        expected = sum(counts, Counter())
        calls = watcher.calls()
    assert expected.total() == 4 * 25 * 7
    assert told(calls) == expected
    assert all(call["host"] == f"127.0.0.1:{port}" and call["protocol"] == "http" for call in calls)
    assert all(call["latency_ms"] > 0 for call in calls)


def test_curl_and_nginx(tmp_path: Path) -> None:
    if not shutil.which("nginx") or not shutil.which("curl"):
        pytest.skip("nginx or curl is not installed")
    with nginx(tmp_path) as port, calls_on(port, tmp_path) as watcher:
        urls = [f"http://127.0.0.1:{port}/{name}" for name in ("small", "large", "missing", "small", "zipped.json")]
        form = "%{http_code} %{size_download}\\n"
        each = [part for url in urls for part in ("-o", "/dev/null", url)]
        done = subprocess.run(
            ["curl", "-s", "-w", form, "-H", "Accept-Encoding: gzip", *each],
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        posted = subprocess.run(
            ["curl", "-s", "-o", "/dev/null", "-w", form, "-d", "a" * 3000, "-H", "Expect:", urls[0]],
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        calls = watcher.calls()
    expected: Counter[tuple[Any, ...]] = Counter()
    for url, line in zip(urls, done.stdout.splitlines(), strict=True):
        status, size = line.split()
        expected["GET", url.removeprefix(f"http://127.0.0.1:{port}"), int(status), 0, int(size), ()] += 1
    status, size = posted.stdout.split()
    got = told([call for call in calls if call["method"] == "GET"])
    assert got == expected
    (post,) = [call for call in calls if call["method"] == "POST"]
    assert (post["status"], post["request_bytes"], post["response_bytes"]) == (int(status), 3000, int(size))


@contextmanager
def nginx(place: Path) -> Iterator[int]:
    port = free_port()
    root = place / "www"
    root.mkdir()
    (root / "small").write_bytes(b"s" * 100)
    (root / "large").write_bytes(os.urandom(3_000_000))
    (root / "zipped.json").write_bytes(b'{"a": [' + b"1," * 5000 + b"1]}")
    place.chmod(0o755)
    config = place / "nginx.conf"
    config.write_text(f"""
daemon off; pid {place}/nginx.pid; error_log stderr; {"user root;" if os.geteuid() == 0 else ""}
events {{}}
http {{
  access_log off; gzip on; gzip_types application/json; types {{ application/json json; }}
  client_body_temp_path {place}/t1; proxy_temp_path {place}/t2; fastcgi_temp_path {place}/t3;
  uwsgi_temp_path {place}/t4; scgi_temp_path {place}/t5;
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
""")
    with (place / "nginx.log").open("wb") as log:
        process = subprocess.Popen(["nginx", "-c", str(config)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_S
        while not (place / "nginx.pid").exists():
            assert process.poll() is None and time.monotonic() < deadline, (place / "nginx.log").read_text()
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(STOP_S)


# ---- caches --------------------------------------------------------------------------------------------


@pytest.mark.clients
def test_pymemcache_and_memcached(tmp_path: Path) -> None:
    pymemcache = pytest.importorskip("pymemcache.client.base")
    if reason := missing("memcached"):
        pytest.skip(reason)
    expected: Counter[tuple[Any, ...]] = Counter()
    with running("memcached") as server, calls_on(server.port, tmp_path) as watcher:
        client = pymemcache.Client(server.address, no_delay=True)
        for n in range(60):
            value = b"v" * (n * 73)
            assert client.set(f"key:{n}", value, noreply=False)
            expected["set", f"key:{n}", "stored", len(value), 0] += 1
            assert client.get(f"key:{n}") == value
            expected["get", f"key:{n}", "hit", 0, len(value)] += 1
            assert client.get(f"gone:{n}") is None
            expected["get", f"gone:{n}", "miss", 0, 0] += 1
        assert len(client.get_many([f"key:{n}" for n in range(10)])) == 10
        for n in range(10):
            expected["get", f"key:{n}", "hit", 0, n * 73] += 1
        client.close()
        calls = watcher.calls()
    names = ("method", "key", "outcome", "request_bytes", "response_bytes")
    assert {call["protocol"] for call in calls} == {"memcache"}
    assert Counter(tuple(call[name] for name in names) for call in calls) == expected


@pytest.mark.clients
def test_redis_py_and_redis_server(tmp_path: Path) -> None:
    redis = pytest.importorskip("redis")
    if reason := missing("redis"):
        pytest.skip(reason)
    expected: Counter[tuple[Any, ...]] = Counter()
    with running("redis") as server, calls_on(server.port, tmp_path) as watcher:
        client = redis.Redis("127.0.0.1", server.port)
        for n in range(40):
            value = b"v" * (n * 131)
            client.set(f"key:{n}", value, ex=60)
            assert client.get(f"key:{n}") == value
            assert client.get(f"gone:{n}") is None
            expected["set", f"key:{n}"] += 1
            expected["get", f"key:{n}"] += 1
            expected["get", f"gone:{n}"] += 1
        with client.pipeline(transaction=False) as pipeline:
            for n in range(200):
                pipeline.incr(f"count:{n % 7}")
                expected["incrby", f"count:{n % 7}"] += 1
            assert len(pipeline.execute()) == 200
        client.close()
        calls = watcher.calls()
    assert {call["protocol"] for call in calls} == {"redis"}
    ours = Counter((call["method"], call["key"]) for call in calls if call["method"] in ("set", "get", "incrby"))
    assert ours == expected
    hits = Counter(call["outcome"] for call in calls if call["method"] == "get")
    assert hits == {"hit": 40, "miss": 40}
    assert sum(c["response_bytes"] for c in calls if c["method"] == "get") == sum(n * 131 for n in range(40))


# ---- two network namespaces ----------------------------------------------------------------------------

CLIENT = """
import http.client, sys
client = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=20)
for n in range(200):
    client.request("POST" if n % 2 else "GET", f"/items/{n}", b"x" * (n * 50) if n % 2 else None)
    response = client.getresponse()
    print(response.status, len(response.read()), flush=True)
"""
SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        size = int(self.headers.get("Content-Length", 0))
        body = b"y" * (100 + len(self.rfile.read(size)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *args):
        pass
server = HTTPServer((sys.argv[1], int(sys.argv[2])), Handler)
print("ready", flush=True)
server.serve_forever()
"""


@contextmanager
def namespaces() -> Iterator[tuple[str, str]]:
    """Two, with a cable between them: 10.77.0.1 and 10.77.0.2 on `veth0`."""
    if not shutil.which("ip"):
        pytest.skip("iproute2 is not installed")
    names = tuple(f"whimbrel-test-{os.getpid()}-{side}" for side in "ab")
    with ExitStack() as made:
        for name in names:
            done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"network namespaces cannot be made here: {done.stderr.strip()}")
            made.callback(subprocess.run, ["ip", "netns", "del", name], check=True)
        setup = [
            [
                "ip",
                "link",
                "add",
                "veth0",
                "netns",
                names[0],
                "type",
                "veth",
                "peer",
                "name",
                "veth0",
                "netns",
                names[1],
            ]
        ]
        for name, address in zip(names, ("10.77.0.1/24", "10.77.0.2/24"), strict=True):
            setup += [
                ["ip", "-n", name, "addr", "add", address, "dev", "veth0"],
                ["ip", "-n", name, "link", "set", "veth0", "up"],
            ]
        for line in setup:
            done = subprocess.run(line, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"veth devices cannot be made here: {done.stderr.strip()}")
        yield names[0], names[1]


@pytest.mark.slow
@pytest.mark.parametrize("where", [0, 1])
def test_between_two_network_namespaces(tmp_path: Path, where: int) -> None:
    with namespaces() as names, ExitStack() as stack:
        enter = [["ip", "netns", "exec", name] for name in names]
        server = subprocess.Popen(
            [*enter[0], sys.executable, "-c", SERVER, "10.77.0.1", "8080"], stdout=subprocess.PIPE, text=True
        )
        stack.callback(server.wait, STOP_S)
        stack.callback(server.kill)
        assert server.stdout is not None and server.stdout.readline() == "ready\n"
        watch = watching(tmp_path, "-i", "veth0", "--calls", "--reveal", before=enter[where])
        watcher = stack.enter_context(watch)
        done = subprocess.run(
            [*enter[1], sys.executable, "-c", CLIENT, "10.77.0.1", "8080"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        calls = watcher.calls()
        server.stdout.close()
    assert len(done.stdout.splitlines()) == 200
    expected: Counter[tuple[Any, ...]] = Counter()
    for n, line in enumerate(done.stdout.splitlines()):
        status, size = map(int, line.split())
        expected["POST" if n % 2 else "GET", f"/items/{n}", status, n % 2 * n * 50, size, ()] += 1
    assert told(calls) == expected
    assert all(call["client"].startswith("10.77.0.2:") and call["server"] == "10.77.0.1:8080" for call in calls)


# ---- a hub ---------------------------------------------------------------------------------------------


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that the user without privileges can reach; pytest's own are private."""
    with tempfile.TemporaryDirectory(prefix="whimbrel-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_batches_of_a_live_run_reach_the_hub(tmp_path: Path, open_place: Path) -> None:
    token, state = tmp_path / "token", open_place / "state"
    token.write_text(hubs.TOKEN)
    with hubs.running() as hub, pages() as port:
        sending = ["--hub", hub.url, "--token-file", str(token), "--state", str(state), "--out", str(tmp_path / "out")]
        with watching(tmp_path, "-i", "lo", "-f", f"tcp port {port}", *sending) as watcher:
            ask_pages(port, 3)
            assert watcher.stop() == 0
    assert watcher.output.read_bytes() == b""
    batches = batches_of(b"".join(hub.stored.values()))
    assert batches == batches_of((tmp_path / "out").read_bytes())
    assert sum(row["calls"] for batch in batches for one in batch["endpoints"] for row in one["rows"]) == 21
    assert sum(batch["counts"]["kernel_drops"] for batch in batches) == 0
    assert not list((state / "spool").glob("*.batch"))


@pytest.mark.slow
def test_killed_while_the_hub_is_away_the_next_run_sends_what_was_stored(tmp_path: Path, open_place: Path) -> None:
    token, state = tmp_path / "token", open_place / "state"
    token.write_text(hubs.TOKEN)
    with pages() as port:
        keeping = ["--token-file", str(token), "--state", str(state), "-i", "lo", "-f", f"tcp port {port}"]
        with watching(tmp_path, "--hub", f"http://127.0.0.1:{free_port()}", *keeping) as watcher:
            while time.time() % 10 > 6:  # all of it within one window
                time.sleep(0.1)
            ask_pages(port, 2)
            deadline = time.monotonic() + 25  # a window is ten seconds
            while not (list((state / "spool").glob("*.batch")) and "cannot be reached" in watcher.said()):
                assert time.monotonic() < deadline, watcher.said()
                time.sleep(0.1)
            watcher.process.kill()
            watcher.process.wait(STOP_S)
        stored = [path.read_bytes() for path in sorted((state / "spool").glob("*.batch"))]
        with hubs.running() as hub, watching(tmp_path, "--hub", hub.url, *keeping) as watcher:
            hub.wait(lambda h: len(h.stored) >= len(stored))
            assert watcher.stop() == 0
    assert list(hub.stored.values())[: len(stored)] == stored
    batches = batches_of(b"".join(hub.stored.values()))
    assert sum(row["calls"] for batch in batches for one in batch["endpoints"] for row in one["rows"]) == 14


def test_a_state_that_the_user_cannot_reach_is_one_line(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root becomes another user")
    token = tmp_path / "token"
    token.write_text(hubs.TOKEN)
    tmp_path.chmod(0o700)
    arguments = ["-i", "lo", "--hub", "http://127.0.0.1:1", "--token-file", str(token), "--state", str(tmp_path / "s")]
    done = subprocess.run(command(*arguments), capture_output=True, text=True, env=child_environment(), timeout=START_S)
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1 and str(tmp_path / "s") in done.stderr


# ---- the end -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_and_what_it_saw(tmp_path: Path, number: signal.Signals) -> None:
    with pages() as port, watching(tmp_path, "-i", "lo", "-f", f"tcp port {port}", "--json") as watcher:
        ask_pages(port, 2)
        time.sleep(SETTLE_S)
        watcher.process.send_signal(number)
        assert watcher.process.wait(STOP_S) == 0
    summary = json.loads(watcher.output.read_text())
    assert summary["counts"]["calls"] == 14
    assert summary["counts"]["kernel_drops"] == 0


def test_privileges_are_dropped_once_it_watches(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has something to drop")
    with watching(tmp_path, "-i", "lo") as watcher:
        status = Path(f"/proc/{watcher.process.pid}/status").read_text()
        lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert "0" not in lines["Uid"].split()
        assert int(lines["CapEff"], 16) == int(lines["CapPrm"], 16) == 0
        assert watcher.stop() == 0


def test_without_the_right_to_capture_it_says_what_is_missing(tmp_path: Path) -> None:
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv to give the right away")
    done = subprocess.run(
        ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", *command("-i", "lo")],
        capture_output=True, text=True, env=child_environment(), timeout=START_S,
    )  # fmt: skip
    assert done.returncode == 2
    assert "CAP_NET_RAW" in done.stderr and "setcap" in done.stderr and done.stderr.count("\n") == 1
