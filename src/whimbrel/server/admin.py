"""The admin port: a few pages over HTTP, answered from the workers' memory while they are busy.

    /metrics      Prometheus text
    /stats.json   the same and more, as JSON
    /healthz      the process answers
    /readyz       it accepts connections (503 while it starts or stops)

One thread, non-blocking sockets and a bound on everything: clients, bytes of a request, time.  Deliberately
not a web framework, nor http.server, whose import alone costs more memory than all of this.
"""

from __future__ import annotations

import json
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from whimbrel.base.metrics import CONTENT_TYPE, exposition
from whimbrel.net.listener import Listener
from whimbrel.server.metrics import samples, stats_page
from whimbrel.server.server import Server

CLIENTS_MAX = 32  # at once; more wait in the backlog
REQUEST_BYTES_MAX = 8 * 1024
CLIENT_SECONDS = 10.0  # from accept to the last byte of the answer
READ_BYTES = 4096

TEXT = "text/plain; charset=utf-8"
Page = tuple[int, str, bytes]
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


@dataclass(eq=False)  # a client is itself, and hashable
class Client:
    socket: socket.socket
    deadline_s: float
    received: bytearray = field(default_factory=bytearray)
    answer: bytes = b""


class Admin:
    """A thread that serves the pages of one Server on open listeners, which stay the caller's to close."""

    def __init__(self, server: Server, listeners: Iterable[Listener]) -> None:
        self._server = server
        self._listeners = tuple(listeners)
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._clients: set[Client] = set()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="whimbrel-admin", daemon=True)
        self._pages: dict[str, Callable[[], Page]] = {
            "/metrics": self._metrics,
            "/stats.json": self._stats,
            "/healthz": lambda: (200, TEXT, b"ok\n"),
            "/readyz": self._readiness,
        }

    @property
    def addresses(self) -> list[str]:
        return [str(listener.address) for listener in self._listeners]

    def start(self) -> None:
        for listener in self._listeners:
            self._selector.register(listener.socket, selectors.EVENT_READ, None)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.send(b"x")
        self._thread.join()
        for client in list(self._clients):
            self._close(client)
        self._selector.close()
        self._wake.close()
        self._woken.close()

    # Pages

    def _metrics(self) -> Page:
        return 200, CONTENT_TYPE, exposition(samples(self._server)).encode()

    def _stats(self) -> Page:
        return 200, "application/json", json.dumps(stats_page(self._server), indent=1).encode() + b"\n"

    def _readiness(self) -> Page:
        return (200, TEXT, b"ready\n") if self._server.ready else (503, TEXT, b"not ready\n")

    # The loop

    def _run(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select(1.0):
                if key.data is not None:
                    self._step(key.data)
                elif key.fileobj is not self._woken and isinstance(key.fileobj, socket.socket):
                    self._accept(key.fileobj)
            now = time.monotonic()
            for client in [client for client in self._clients if client.deadline_s < now]:
                self._close(client)

    def _accept(self, listener: socket.socket) -> None:
        try:
            accepted, _ = listener.accept()
        except OSError:  # it left again, or there is no descriptor: the backlog keeps the others
            time.sleep(0.01)
            return
        accepted.setblocking(False)
        client = Client(accepted, time.monotonic() + CLIENT_SECONDS)
        if len(self._clients) >= CLIENTS_MAX:
            self._close(min(self._clients, key=lambda other: other.deadline_s))
        self._clients.add(client)
        self._selector.register(accepted, selectors.EVENT_READ, client)

    def _close(self, client: Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
            self._selector.unregister(client.socket)
            client.socket.close()

    def _step(self, client: Client) -> None:
        if client not in self._clients:  # closed by an earlier event of the same round
            return
        try:
            if not client.answer:
                self._receive(client)
            if client.answer:
                self._send(client)
        except BlockingIOError:
            return
        except OSError:
            self._close(client)

    def _receive(self, client: Client) -> None:
        data = client.socket.recv(READ_BYTES)
        client.received += data
        if b"\r\n\r\n" in client.received or b"\n\n" in client.received:
            client.answer = self._answer(bytes(client.received))
        elif len(client.received) > REQUEST_BYTES_MAX:
            client.answer = compose((400, TEXT, b"the request is too long\n"), False)
        elif not data:
            self._close(client)
        if client.answer:
            self._selector.modify(client.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, client)

    def _send(self, client: Client) -> None:
        sent = client.socket.send(client.answer)
        client.answer = client.answer[sent:]
        if not client.answer:
            client.socket.shutdown(socket.SHUT_WR)
            self._close(client)

    def _answer(self, request: bytes) -> bytes:
        words = request.split(b"\n", 1)[0].split()
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return compose((400, TEXT, b"not an HTTP/1 request\n"), False)
        method, target = words[0], words[1].decode("latin-1").partition("?")[0]
        page = self._pages.get(target)
        if method not in (b"GET", b"HEAD"):
            return compose((405, TEXT, b"only GET and HEAD\n"), False)
        if page is None:
            return compose((404, TEXT, f"pages: {' '.join(self._pages)}\n".encode()), method == b"HEAD")
        return compose(page(), method == b"HEAD")


def compose(page: Page, head_only: bool) -> bytes:
    """An HTTP/1.1 response that ends the connection."""
    status, kind, body = page
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if head_only else body)
