"""Server processes for the conformance tests: Whimbrel, memcached and redis-server, alike.

A Server is started on a free port, waited for (bounded), and ended by its own process id.  What it printed is
kept in a file and shown beside a failing test.  Nothing here knows a protocol beyond "it accepts a connection".
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 20.0  # a cold import on a busy machine takes a few
STOP_SECONDS = 10.0
MIB = 1024 * 1024
LISTENING = re.compile(r"^listening on (?P<where>.*)$", re.MULTILINE)


@dataclass
class Server:
    kind: str  # whimbrel | memcached | redis
    host: str
    port: int
    process: subprocess.Popen[bytes]
    output: Path
    admin_port: int = 0
    unix_path: str = ""
    shown: int = field(default=0)  # characters of the output already reported

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"

    def alive(self) -> bool:
        return self.process.poll() is None

    def printed(self) -> str:
        return self.output.read_text(errors="replace")

    def memory(self) -> Memory:
        return Memory.of(self.pid)

    def connect(self, timeout_s: float = 10.0) -> socket.socket:
        return socket.create_connection(self.address, timeout=timeout_s)

    def stop(self) -> int:
        """SIGTERM, wait, SIGKILL if it does not obey; the exit code."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STOP_SECONDS)


@dataclass(frozen=True)
class Memory:
    """A process's memory as the kernel accounts it, in bytes."""

    rss: int  # resident now
    peak: int  # highest ever resident
    data: int  # private heap and anonymous mappings, reserved

    @classmethod
    def of(cls, pid: int) -> Memory:
        text = Path(f"/proc/{pid}/status").read_text()
        rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        rss, peak, data = (int(rows[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM", "VmData"))
        return cls(rss, peak, data)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_open(server: Server, seconds: float = START_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            server.connect(1.0).close()
            return
        except OSError:
            if not server.alive() or time.monotonic() > deadline:
                server.kill()
                raise RuntimeError(f"{server.kind} did not open {server.where}:\n{server.printed()}") from None
            time.sleep(0.02)


def spawn(kind: str, argv: list[str], port: int) -> Server:
    handle, name = tempfile.mkstemp(prefix=f"whimbrel-test-{kind}-", suffix=".log")
    with os.fdopen(handle, "wb") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=child_environment())
    return Server(kind, "127.0.0.1", port, process, Path(name))


def child_environment() -> dict[str, str]:
    """This process's, plus the source tree where the package is run in place instead of installed."""
    source = Path(__file__).resolve().parents[2] / "src"
    environment = dict(os.environ)
    if source.is_dir():
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [environment.get("PYTHONPATH", ""), str(source)]))
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def whimbrel_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "whimbrel", "serve", *arguments]


def start_whimbrel(*arguments: str, port: int = 0, admin: bool = False) -> Server:
    argv = whimbrel_command("--listen", f"127.0.0.1:{port}", *arguments)
    admin_port = free_port() if admin else 0
    if admin:
        argv += ["--admin", f"127.0.0.1:{admin_port}"]
    server = spawn("whimbrel", argv, port)
    server.admin_port = admin_port
    deadline = time.monotonic() + START_SECONDS
    while not (found := LISTENING.search(server.printed())):
        if not server.alive() or time.monotonic() > deadline:
            server.kill()
            raise RuntimeError(f"whimbrel serve did not start:\n{server.printed()}")
        time.sleep(0.02)
    ports = re.findall(r"127\.0\.0\.1:(\d+)", found["where"])
    server.port = int(ports[0])
    wait_until_open(server)
    return server


def start_memcached(*arguments: str) -> Server:
    port = free_port()
    argv = [shutil.which("memcached") or "memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", *arguments]
    if os.geteuid() == 0:
        argv += ["-u", "root"]
    server = spawn("memcached", argv, port)
    wait_until_open(server)
    return server


def start_redis(*arguments: str) -> Server:
    port = free_port()
    argv = [shutil.which("redis-server") or "redis-server", "--bind", "127.0.0.1", "--port", str(port)]
    argv += ["--save", "", "--appendonly", "no", "--dir", tempfile.gettempdir(), *arguments]
    server = spawn("redis", argv, port)
    wait_until_open(server)
    return server


STARTERS: dict[str, Callable[..., Server]] = {
    "whimbrel": start_whimbrel,
    "memcached": start_memcached,
    "redis": start_redis,
}
BINARIES = {"memcached": "memcached", "redis": "redis-server"}


def missing(kind: str) -> str:
    """Why this kind of server cannot be started here; empty when it can."""
    binary = BINARIES.get(kind)
    return f"{binary} is not installed" if binary and not shutil.which(binary) else ""


@contextmanager
def running(kind: str, *arguments: str) -> Iterator[Server]:
    server = STARTERS[kind](*arguments)
    try:
        yield server
    finally:
        server.stop()
        server.output.unlink(missing_ok=True)
