"""A hub for tests: takes batches over HTTP, remembers them, and misbehaves as it is told."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "test-token"


@dataclass
class Received:
    """One request that arrived whole."""

    batch_id: str
    body: bytes
    headers: dict[str, str]
    path: str


# What to do with a request: a status, or a status and headers, or a word of Hub.MISDEEDS.
Behaviour = int | str | tuple[int, dict[str, str]]


@dataclass
class TestHub:
    """`behave(n)` says what becomes of the n-th request; batches that were stored are counted by id."""

    __test__ = False

    behave: Callable[[int], Behaviour]
    requests: list[Received] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)
    duplicates: int = 0
    arrived: threading.Condition = field(default_factory=threading.Condition)
    release: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def take(self, received: Received) -> Behaviour:
        with self.arrived:
            behaviour = self.behave(len(self.requests))
            self.requests.append(received)
            status = behaviour[0] if isinstance(behaviour, tuple) else behaviour
            if status == "cut after storing" or (isinstance(status, int) and 200 <= status < 300):
                if received.batch_id in self.stored:
                    self.duplicates += 1
                    behaviour = 409 if isinstance(status, int) else behaviour
                self.stored[received.batch_id] = received.body
            self.arrived.notify_all()
        return behaviour

    def wait(self, condition: Callable[[TestHub], bool], seconds: float = 20.0) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: condition(self), seconds), f"{len(self.requests)} requests"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: TestHub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self.answer(401, {})
            return
        received = Received(self.headers["X-Batch-Id"], body, dict(self.headers.items()), self.path)
        behaviour = self.hub.take(received)
        if isinstance(behaviour, str):
            self.misbehave(behaviour)
        else:
            status, headers = behaviour if isinstance(behaviour, tuple) else (behaviour, {})
            self.answer(status, headers)

    def answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def misbehave(self, how: str) -> None:
        self.close_connection = True
        if how == "nonsense":
            self.wfile.write(b"this is not HTTP\r\n\r\n")
        elif how == "half an answer":
            self.wfile.write(b"HTTP/1.1 202 Acc")
        elif how == "silence":
            self.hub.release.wait(20)
        else:
            assert how in ("cut", "cut after storing"), how

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        return


class Server(ThreadingHTTPServer):
    """Gone means gone: connections that are kept end with it."""

    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.peers: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.peers.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.peers.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is nothing to print."""

    def cut_all(self) -> None:
        for peer in list(self.peers):
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
        with self.RequestHandlerClass.hub.arrived:  # type: ignore[attr-defined]
            pass  # who was storing a batch has stored it


def always(behaviour: Behaviour) -> Callable[[int], Behaviour]:
    return lambda _: behaviour


KIND = always(202)


@contextmanager
def running(behave: Callable[[int], Behaviour] = KIND, port: int = 0) -> Iterator[TestHub]:
    hub = TestHub(behave)
    handler = type("Handler", (Handler,), {"hub": hub})
    server = Server(("127.0.0.1", port), handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.release.set()
        server.shutdown()
        server.server_close()
        server.cut_all()
        thread.join(10)
