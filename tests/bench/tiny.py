"""A memcache text server of our own, slow, simple and scripted by a function."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from whimbrel.bench.client import Client
from whimbrel.bench.workload import Workload

Reply = Callable[[int, list[bytes], bytes], bytes | None]


class TinyServer:
    """Answers each request by `reply(number, words, value)`; None closes the connection."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.asked = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.target: tuple[str, int] = self.listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _peer = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as requests:
            for line in requests:
                words = line.split()
                value = requests.read(int(words[4]) + 2)[:-2] if words[0] == b"set" else b""
                with self.lock:
                    self.asked += 1
                    answer = self.reply(self.asked, words, value)
                if answer is None:
                    return
                try:
                    connection.sendall(answer)
                except OSError:
                    return


class Memory:
    """A reply function that stores, as memcached does."""

    def __init__(self) -> None:
        self.items: dict[bytes, bytes] = {}

    def __call__(self, _number: int, words: list[bytes], value: bytes) -> bytes | None:
        if words[0] == b"set":
            self.items[words[1]] = value
            return b"STORED\r\n"
        if words[1] not in self.items:
            return b"END\r\n"
        found = self.items[words[1]]
        return b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (words[1], len(found), found)


def client_of(server: TinyServer, workload: Workload, connections: int = 4, pipeline: int = 1) -> Client:
    return Client(server.target, workload, protocol="memcache", connections=connections, pipeline=pipeline)
