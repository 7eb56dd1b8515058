"""A well-behaved client in a process of its own: what does an attack on the server cost it?

    python bystander.py HOST PORT      runs until its standard input ends, then prints one JSON line

Every request has one legal answer; anything else, or a lost connection, is a failure.  Latency is from send to the
last byte received, by the monotonic clock, one request in flight, a request each few milliseconds.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

PAUSE_S = 0.002
TIMEOUT_S = 20.0


def receive(sock: socket.socket, end: bytes) -> bytes:
    got = b""
    while not got.endswith(end):
        chunk = sock.recv(65536)
        if not chunk:
            raise ConnectionError("closed")
        got += chunk
    return got


def main(host: str, port: int) -> None:
    sock = socket.create_connection((host, port), timeout=TIMEOUT_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    taken_ms: list[float] = []
    failures: list[str] = []
    evicted = number = 0
    while not select.select([sys.stdin], [], [], PAUSE_S)[0]:
        number += 1
        key, value = b"bystander%d" % (number % 50), b"%d" % number * 20
        began = time.monotonic()
        try:
            sock.sendall(b"set %b 0 0 %d\r\n%b\r\n" % (key, len(value), value))
            stored = receive(sock, b"\r\n")
            middle = time.monotonic()
            sock.sendall(b"get %b\r\n" % key)
            got = receive(sock, b"END\r\n")
        except OSError as error:
            failures.append(repr(error))
            sock.close()
            sock = socket.create_connection((host, port), timeout=TIMEOUT_S)
            continue
        ended = time.monotonic()
        taken_ms += [(middle - began) * 1000, (ended - middle) * 1000]
        if stored != b"STORED\r\n":
            failures.append(stored.decode(errors="replace"))
        if got == b"END\r\n":
            evicted += 1  # a full cache may; it is counted, not failed
        elif got != b"VALUE %b 0 %d\r\n%b\r\nEND\r\n" % (key, len(value), value):
            failures.append(got.decode(errors="replace")[:100])
    taken_ms.sort()
    last = len(taken_ms) - 1
    at = {name: taken_ms[int(last * q)] for name, q in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))}
    print(json.dumps({"requests": len(taken_ms), "failures": failures[:20], "evicted": evicted, **at}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
