"""A connection that tests speak to in bytes, and wire scripts.

A script reads like a trace: `>> ` lines are sent, `<< ` lines must come back, exactly and in this order.  Both end
in CRLF on the wire.  Escapes are Python's (`\\r`, `\\x00`).  A `<< ` line that begins with `~` is a regular
expression over the whole line.
"""

from __future__ import annotations

import re
import socket
import time
from types import TracebackType
from typing import Self

REPLY_SECONDS = 15.0


class Wire:
    def __init__(self, address: tuple[str, int], timeout_s: float = REPLY_SECONDS) -> None:
        self.socket = socket.create_connection(address, timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pending = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def more(self) -> bool:
        """Receive once; False at the end of the stream."""
        chunk = self.socket.recv(1 << 20)
        self.pending += chunk
        return bool(chunk)

    def read(self, n: int) -> bytes:
        while len(self.pending) < n:
            if not self.more():
                raise EOFError(f"the server closed; wanted {n} bytes, have {self.pending!r:.200}")
        taken, self.pending = self.pending[:n], self.pending[n:]
        return taken

    def line(self) -> bytes:
        """One line, without its CRLF."""
        while b"\r\n" not in self.pending:
            if not self.more():
                raise EOFError(f"the server closed inside a line: {self.pending!r:.200}")
        taken, _, self.pending = self.pending.partition(b"\r\n")
        return taken

    def ask(self, data: bytes) -> bytes:
        """Send one command line and return the one line that answers it."""
        self.send(data + b"\r\n")
        return self.line()

    def until(self, end: bytes) -> bytes:
        while end not in self.pending:
            if not self.more():
                raise EOFError(f"the server closed; waited for {end!r}, have {self.pending!r:.200}")
        at = self.pending.index(end) + len(end)
        taken, self.pending = self.pending[:at], self.pending[at:]
        return taken

    def rest(self) -> bytes:
        """Everything up to the end of the stream (an abrupt reset counts as the end)."""
        try:
            while self.more():
                continue
        except ConnectionResetError:
            pass
        taken, self.pending = self.pending, b""
        return taken

    def silent(self, seconds: float = 0.15) -> bool:
        """True when nothing arrives for that long."""
        if self.pending:
            return False
        self.socket.settimeout(seconds)
        try:
            return not self.more()
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(REPLY_SECONDS)

    # RESP, enough to read any reply as plain Python

    def command(self, *words: bytes | str | int) -> object:
        self.send(resp(*words))
        return self.reply()

    def reply(self) -> object:
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind in (b"+", b","):
            return rest
        if kind == b"-":
            return RespError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind == b"_":
            return None
        if kind == b"#":
            return rest == b"t"
        if kind in (b"$", b"="):
            return self._bulk(int(rest))
        if kind in (b"*", b"~", b">"):
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        if kind == b"%":
            return {str(self.reply()): self.reply() for _ in range(int(rest))}
        raise AssertionError(f"not a RESP reply: {line!r:.200}")

    def _bulk(self, n: int) -> bytes | None:
        if n < 0:
            return None
        data = self.read(n + 2)
        assert data.endswith(b"\r\n"), data[-20:]
        return data[:-2]


class RespError(str):
    """An error reply, so that a test can tell it from data."""

    __slots__ = ()


def resp(*words: bytes | str | int) -> bytes:
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def unescape(text: str) -> bytes:
    return text.encode().decode("unicode_escape").encode("latin-1")


def play(wire: Wire, script: str) -> None:
    """Run a script; runs of `>> ` lines are sent with one write."""
    waiting = b""
    for number, raw in enumerate(script.strip("\n").splitlines(), 1):
        line = raw.strip()
        mark, text = line[:3].strip(), line[3:]
        if mark == ">>":
            waiting += unescape(text) + b"\r\n"
        elif mark == "<<":
            if waiting:
                wire.send(waiting)
                waiting = b""
            got = wire.line()
            if text.startswith("~"):
                matches = re.fullmatch(text[1:].encode(), got, re.DOTALL) is not None
            else:
                matches = got == unescape(text)
            assert matches, f"script line {number}: wanted {text!r}, got {got!r}\n{script}"
        elif line and not line.startswith("#"):
            raise ValueError(f"script line {number}: {line!r}")
    if waiting:
        wire.send(waiting)
    time.sleep(0)
