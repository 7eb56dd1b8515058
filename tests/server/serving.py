"""A `whimbrel serve` process for tests: started on free ports, ended by its own id, and what it printed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

START_S = 30.0  # imports on a busy machine
STOP_S = 20.0
SOURCE = Path(__file__).resolve().parents[2] / "src"


def environment() -> dict[str, str]:
    """Ours without options, which the tests give themselves; but the memory that tools/sanitized asks for."""
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH", ""), str(SOURCE)]))
    if os.environ.get("WHIMBREL_BUILD") == "sanitize":
        return {**os.environ, "PYTHONPATH": path}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WHIMBREL_")}
    return {**kept, "PYTHONPATH": path}


def run_serve(*arguments: str) -> tuple[int, str]:
    """A start that is expected to fail: exit code and what it printed on both streams."""
    done = subprocess.run(
        [sys.executable, "-m", "whimbrel", "serve", *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


class Peer:
    """One client connection that says what it sent and got."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.socket.settimeout(20.0)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def until(self, end: bytes) -> bytes:
        """Everything up to and including `end`, which must be the last that arrives."""
        got = bytearray()
        while not got.endswith(end):
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError(f"closed after {bytes(got[-200:])!r}")
            got += data
        return bytes(got)

    def exactly(self, size: int) -> bytes:
        got = bytearray()
        while len(got) < size:
            data = self.socket.recv(size - len(got))
            if not data:
                raise EOFError(f"closed after {len(got)} of {size} bytes")
            got += data
        return bytes(got)

    def ask(self, data: bytes, end: bytes = b"\r\n") -> bytes:
        self.send(data)
        return self.until(end)

    def rest(self) -> bytes:
        """Everything until the server closes; a reset counts as closed."""
        got = bytearray()
        while True:
            try:
                data = self.socket.recv(1 << 20)
            except ConnectionResetError:
                return bytes(got)
            if not data:
                return bytes(got)
            got += data

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Serving:
    def __init__(self, process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
        self.process = process
        self._output = output
        self.line = ""
        self.ports: list[int] = []
        self.admin_port = 0

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def port(self) -> int:
        return self.ports[0]

    def printed(self) -> str:
        return Path(self._output.name).read_text()

    def wait_until_listening(self) -> None:
        deadline = time.monotonic() + START_S
        while True:
            found = re.search(r"^listening on (.*?)( admin on (.*))?$", self.printed(), re.MULTILINE)
            if found:
                break
            assert self.process.poll() is None and time.monotonic() < deadline, self.printed()
            time.sleep(0.02)
        self.line = found[0]
        self.ports = [int(port) for port in re.findall(r":(\d+)", found[1])]
        self.admin_port = int(found[3].rpartition(":")[2]) if found[3] else 0

    def connect(self) -> Peer:
        return Peer(socket.create_connection(("127.0.0.1", self.port), timeout=20.0))

    def get(self, page: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{page}", timeout=20.0) as answer:
            body: bytes = answer.read()
            return body

    def stats(self) -> dict[str, Any]:
        page: dict[str, Any] = json.loads(self.get("/stats.json"))
        return page

    def counter(self, name: str) -> int:
        return int(self.stats()["counters"][name])

    def resident(self, row: str = "VmRSS") -> int:
        found = re.search(rf"^{row}:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
        assert found
        return int(found[1]) * 1024

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        return self.process.wait(STOP_S)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.wait()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(STOP_S)


@contextmanager
def serving(*arguments: str, listen: bool = True, admin: bool = True) -> Iterator[Serving]:
    argv = [sys.executable, "-m", "whimbrel", "serve"]
    argv += ["--listen", "127.0.0.1:0"] if listen else []
    argv += ["--admin", "127.0.0.1:0"] if admin else []
    with tempfile.NamedTemporaryFile(prefix="whimbrel-serve-") as output:
        process = subprocess.Popen(
            [*argv, *arguments], env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        server = Serving(process, output)
        try:
            server.wait_until_listening()
            yield server
        finally:
            server.stop()


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether it becomes true within the time: for what another thread or process does on its own."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
