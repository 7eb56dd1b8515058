"""The servers under test: started on a free loopback port, pinned to one core, watched through /proc.

CPU is the kernel's count of nanoseconds that any thread of the process was running (schedstat), system calls
and the network work done inside them included.  Resident memory is VmRSS: for our server that includes the
Python interpreter, shared libraries and all.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol, Self

import whimbrel

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 20.0
MIB = 1 << 20
PACKAGE_PARENT = str(Path(whimbrel.__file__).resolve().parents[1])  # the server runs the code this process runs


def free_port() -> int:
    """A loopback port nobody listened on a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Kind(Protocol):
    """How one kind of server is started."""

    @property
    def name(self) -> str: ...

    @property
    def protocol(self) -> str: ...

    def missing(self) -> str:
        """Why it cannot be started here; empty when it can."""

    def command(self, port: int, memory: int) -> list[str]:
        """Its command line, with `memory` bytes as it understands them."""


@dataclass(frozen=True)
class Whimbrel:
    """Ours: `memory` bounds the whole process."""

    eviction: str = ""
    protocol: str = "memcache"

    @property
    def name(self) -> str:
        return "whimbrel" + (f" {self.eviction}" if self.eviction else "")

    def missing(self) -> str:
        return ""

    def command(self, port: int, memory: int) -> list[str]:
        start = "import sys; from whimbrel.cli import main; sys.exit(main())"
        options = ["--listen", f"127.0.0.1:{port}", "--memory", str(memory), "--max-connections", "20000"]
        if self.eviction:
            options += ["--eviction", self.eviction]
        return [sys.executable, "-c", start, "serve", *options]


@dataclass(frozen=True)
class Memcached:
    """One worker thread; `memory` is what it calls item memory (-m), in whole MiB."""

    name: str = "memcached"
    protocol: str = "memcache"

    def missing(self) -> str:
        return "" if shutil.which("memcached") else "memcached is not installed"

    def command(self, port: int, memory: int) -> list[str]:
        user = ["-u", "root"] if os.geteuid() == 0 else []
        options = ["-t", "1", "-m", str(memory // MIB), "-c", "20000", "-U", "0", "-l", "127.0.0.1"]
        return ["memcached", *user, *options, "-p", str(port)]


@dataclass(frozen=True)
class Redis:
    """No persistence, allkeys-lfu; `memory` is its maxmemory."""

    name: str = "redis"
    protocol: str = "resp"

    def missing(self) -> str:
        return "" if shutil.which("redis-server") else "redis-server is not installed"

    def command(self, port: int, memory: int) -> list[str]:
        options = ["--save", "", "--appendonly", "no", "--maxmemory", str(memory), "--maxclients", "20000"]
        return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", *options,
                "--maxmemory-policy", "allkeys-lfu"]  # fmt: skip


@dataclass
class Server:
    """A running server; use it as a context."""

    kind: Kind
    memory: int
    core: int | None
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    log: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def __enter__(self) -> Self:
        self.port = free_port()
        command = self.kind.command(self.port, self.memory)
        if self.core is not None and shutil.which("taskset"):
            command = ["taskset", "-c", str(self.core), *command]
        environment = {**os.environ, "PYTHONPATH": PACKAGE_PARENT}
        self.process = subprocess.Popen(
            command, stdout=self.log, stderr=self.log, cwd=tempfile.gettempdir(), env=environment
        )
        try:
            self._wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    @property
    def target(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    def _wait_ready(self) -> None:
        question = b"PING\r\n" if self.kind.protocol == "resp" else b"version\r\n"
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._running().poll() is None:
            try:
                with socket.create_connection(self.target, timeout=1) as s:
                    s.sendall(question)
                    if s.recv(100):
                        return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"{self.kind.name} did not start:\n{self.output()}")

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            raise RuntimeError(f"{self.kind.name} is not started")
        return self.process

    def output(self) -> str:
        """What it has printed."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]

    def stop(self) -> None:
        process = self._running()
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.log.close()

    def cpu_ns(self) -> int:
        """Nanoseconds its threads have run so far."""
        tasks = Path(f"/proc/{self._running().pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir())

    def rss(self) -> int:
        """Bytes resident now."""
        for line in Path(f"/proc/{self._running().pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"no VmRSS of {self.kind.name}: is it running?")
