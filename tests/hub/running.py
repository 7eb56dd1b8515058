"""A real `whimbrel hub` in a process of its own, and plain HTTP to it."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whimbrel.hub import tokens
from whimbrel.hub.intake import CONTENT_TYPE

ROOT = Path(__file__).resolve().parents[2]
READY = re.compile(r"hub: open http://(\S+):(\d+)/\n")
START_S, END_S = 60.0, 30.0  # on a machine that does much else besides


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json()["error"])


@dataclass
class Hub:
    process: subprocess.Popen[str]
    host: str
    port: int
    data: Path
    tokens: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes | None = None, /, **headers: str) -> Reply:
        """One request; names of headers are written with underscores."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=END_S)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, /, **headers: str) -> Reply:
        return self.ask("GET", path, **headers)

    def send(self, record: bytes, /, **headers: str) -> Reply:
        return self.ask("POST", "/v1/batches", record, **{"Content_Type": CONTENT_TYPE, **headers})

    def bearer(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[name]}"}

    def metric(self, line: str, **headers: str) -> float:
        """The value of the sample that begins so."""
        text = self.get("/metrics", **headers).body.decode()
        return float(next(found for found in text.splitlines() if found.startswith(line)).rpartition(" ")[2])

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_S)


def start(data: Path, *options: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "whimbrel", "hub", "--listen", "127.0.0.1:0", "--data", str(data), *options]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WHIMBREL_")}
    environ["PYTHONPATH"] = str(ROOT / "src")
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)


def opened(process: subprocess.Popen[str], data: Path) -> Hub:
    """Once it says that it listens."""
    assert process.stdout is not None and process.stderr is not None
    match = READY.fullmatch(process.stdout.readline())
    if match is None:
        process.kill()
        raise AssertionError(f"no hub: {process.stderr.read()}")
    return Hub(process, match[1], int(match[2]), data)


@contextmanager
def running(data: Path, *options: str) -> Iterator[Hub]:
    process = start(data, "--memory", "128MiB", *options)
    try:
        yield opened(process, data)
    finally:
        process.kill()
        process.communicate()


def give_tokens(data: Path) -> dict[str, str]:
    """One for each role, by its name."""
    data.mkdir(parents=True, exist_ok=True)
    return {role: tokens.add(data / "tokens", role, role) for role in tokens.RIGHTS}
