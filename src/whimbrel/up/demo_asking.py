"""How the demo's clients ask: one call with three libraries that people use, each from an address of its own.

Whatever asks counts what it was answered, under the same names as the API does (demo_tally.py).
"""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx

from whimbrel.base.values import Address
from whimbrel.up.demo_tally import Answered, Tally

TIMEOUT_S = 10.0
CURL_S = "5"
ACCEPT = "gzip"
NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Asking(Protocol):
    """An HTTP client."""

    def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer: ...

    def close(self) -> None: ...


class Httpx:
    """httpx, with a connection it keeps."""

    def __init__(self, address: Address, name: str, source: str) -> None:
        self.client = httpx.Client(
            base_url=f"http://{address}",
            headers={"host": name, "accept-encoding": ACCEPT},
            transport=httpx.HTTPTransport(local_address=source),
            timeout=TIMEOUT_S,
        )

    def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        found = self.client.request(method, path, content=body or None, headers=dict(headers))
        return Answer(found.status_code, found.headers, found.content)

    def close(self) -> None:
        self.client.close()


class Plain:
    """http.client of the standard library, the same."""

    def __init__(self, address: Address, name: str, source: str) -> None:
        self.name = name
        self.client = http.client.HTTPConnection(
            address.host, address.port, timeout=TIMEOUT_S, source_address=(source, 0)
        )

    def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            self.client.request(method, path, body or None, {"Host": self.name, **headers})
            found = self.client.getresponse()
            headers = {name.lower(): value for name, value in found.getheaders()}
            return Answer(found.status, headers, found.read())
        except (http.client.HTTPException, OSError):
            self.client.close()  # the next call begins anew
            raise

    def close(self) -> None:
        self.client.close()


def curl(address: Address, name: str, source: str, paths: Sequence[str], *options: str) -> list[int]:
    """The statuses that curl was answered on one connection."""
    port = name.rpartition(":")[2]
    urls = [part for path in paths for part in ("-o", "/dev/null", f"http://{name}{path}")]
    resolve = ["--resolve", f"{name.rpartition(':')[0]}:{port}:{address.host}"]
    line = [
        "curl",
        "-sS",
        "-w",
        "%{http_code}\n",
        "--compressed",
        "--noproxy",
        "*",
        "--interface",
        source,
        "--max-time",
        CURL_S,
    ]
    done = subprocess.run([*line, *resolve, *options, *urls], capture_output=True, text=True, timeout=TIMEOUT_S)
    if done.returncode:
        raise OSError(done.stderr.strip() or f"curl ended with {done.returncode}")
    return [int(status) for status in done.stdout.split()]


class Caller:
    """Somebody who calls the shop, and counts."""

    def __init__(self, asking: Asking, tally: Tally) -> None:
        self.asking, self.tally = asking, tally
        self.version = 1  # of the API, as its last answer said

    def call(
        self,
        method: str,
        template: str,
        path: str = "",
        *,
        send: object = None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Answer:
        """`path` is `template` where it has no parameters; `send` goes as JSON, pairs of text as a form."""
        body, kind = _encoded(send)
        began = time.perf_counter_ns()
        answer = self.asking.ask(method, path or template, body, {**kind, **headers})
        took_ns = time.perf_counter_ns() - began
        self.version = int(answer.headers.get("api-version") or self.version)
        self.tally.add(Answered("shop", method, template, answer.status, took_ns=took_ns))
        return answer


def _encoded(send: object) -> tuple[bytes, dict[str, str]]:
    if send is None:
        return b"", {}
    if isinstance(send, bytes):
        return send, {"Content-Type": "application/json"}
    if isinstance(send, tuple):
        return urlencode(send).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    return json.dumps(send).encode(), {"Content-Type": "application/json"}
