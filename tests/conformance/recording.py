"""Periods of the demo API as captures: real requests and answers, at times that are the same in every run.

The API runs as the process it is (`--work 0`: it says how long a call takes, and does not wait).  Its clients ask one
after another, and their bytes are kept.  The capture has these bytes at made-up times: calls are spread over the
period, and each is answered after as long as the API said.
"""

from __future__ import annotations

import io
import json
import os
import random
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whimbrel.base.values import Address
from whimbrel.capture.write import write_pcap
from whimbrel.up.demo_asking import Plain
from whimbrel.up.demo_clients import visits
from whimbrel.up.demo_tally import Tally
from whimbrel.up.demo_visits import CHECKOUT, OFFICE, PHONES, STOREFRONT, Visitor

from .pcaps import Talk
from .programs import START_S, Program, program
from .servers import free_port

NS = 10**9
PACKET_NS = 1000  # between packets that follow each other
NAME, PORT = "shop.internal:9810", 9810  # in captures, whatever port was free
TABLES = {"10.1.0.1": STOREFRONT, "10.1.0.2": PHONES, "10.1.0.3": CHECKOUT, "10.1.0.4": OFFICE}


@dataclass
class Exchange:
    request: bytes
    response: bytes

    @property
    def work_ns(self) -> int:
        head = self.response.partition(b"\r\n\r\n")[0].lower()
        _, found, rest = head.partition(b"server-timing: work;dur=")
        return int(float(rest.split(b"\r\n")[0]) * 1e6) if found else NS // 1000


class Tap(io.RawIOBase):
    """What is read from a socket, kept."""

    def __init__(self, source: socket.socket, kept: bytearray) -> None:
        self.source, self.kept = source, kept

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        size = self.source.recv_into(room)
        self.kept += memoryview(room)[:size]
        return size


class TappedSocket:
    """As much of a socket as http.client uses."""

    def __init__(self, inner: socket.socket) -> None:
        self.inner, self.sent, self.got = inner, bytearray(), bytearray()

    def sendall(self, data: bytes) -> None:
        self.sent += data
        self.inner.sendall(data)

    def makefile(self, mode: str) -> Any:
        return io.BufferedReader(Tap(self.inner, self.got))

    def close(self) -> None:
        self.inner.close()


class Taped(Plain):
    """http.client, with every exchange on a tape."""

    def __init__(self, address: Address) -> None:
        super().__init__(address, NAME, "127.0.0.1")
        self.tape: list[Exchange] = []
        opened = socket.create_connection((address.host, address.port), START_S)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as http.client does
        self.tapped = TappedSocket(opened)
        self.client.sock = self.tapped

    def ask(self, *arguments: Any) -> Any:
        self.tapped.sent, self.tapped.got = bytearray(), bytearray()
        answer = super().ask(*arguments)
        assert self.client.sock is self.tapped, "the API closed the connection"
        self.tape.append(Exchange(bytes(self.tapped.sent), bytes(self.tapped.got)))
        return answer


@dataclass
class Timed(Talk):
    """A connection whose packets are sent at `at_ns`."""

    at_ns: int = 0

    def _send(self, from_client: bool, flags: int, data: bytes = b"") -> None:
        super()._send(from_client, flags, data)
        self.frames[-1] = (self.at_ns, self.frames[-1][1])
        self.at_ns += PACKET_NS

    def exchange(self, one: Exchange, at_ns: int) -> None:
        self.at_ns = max(at_ns, self.at_ns + NS // 1000)
        self.client(one.request)
        self.at_ns += one.work_ns
        self.server(one.response)


def capture(tapes: dict[str, Sequence[Exchange]], start_s: int, length_s: int) -> bytes:
    """All tapes, by the client's address, side by side in [start, start + length)."""
    draw, packets = random.Random(1), []
    for address, tape in tapes.items():
        step_ns = (length_s - 5) * NS // len(tape)
        talk = Timed((address, 40_000 + start_s // length_s % 10_000), ("10.1.0.11", PORT), at_ns=start_s * NS)
        for place, one in enumerate(tape):
            talk.exchange(one, start_s * NS + int((place + draw.random()) * step_ns))
        talk.close()
        packets += talk.frames
    out = io.BytesIO()
    write_pcap(out, [(at_ns, frame, None) for at_ns, frame in sorted(packets)])
    return out.getvalue()


# ---- the API and its clients -----------------------------------------------------------------------------


@dataclass
class Api:
    """The demo's API, on free ports."""

    program: Program
    address: Address
    second: Address
    counts: Path

    def deploy(self) -> None:
        self.program.send(signal.SIGUSR1)
        self.program.wait_for("version 2 is deployed")

    def stop(self) -> dict[str, Any]:
        """What it counted."""
        self.program.stop()
        found: dict[str, Any] = json.loads(self.counts.read_text())
        return found


@contextmanager
def api(place: Path, *arguments: str) -> Iterator[Api]:
    address, second = (Address("127.0.0.1", free_port()) for _ in range(2))
    counts = place / "api.json"
    argv = ["--listen", str(address), "--second", str(second), "--counts", str(counts), *arguments]
    with program(place, "api", "whimbrel.up.demo_api", *argv) as started:
        started.wait_for("listening on")
        yield Api(started, address, second, counts)


class Crowd:
    """The demo's HTTP clients, who take turns so that nothing depends on who is faster."""

    def __init__(self, address: Address) -> None:
        self.tally = Tally()
        self.visitors = {
            source: Visitor(Taped(address), self.tally, seed) for seed, source in enumerate(TABLES, start=1)
        }
        self.plans = {
            source: visits(who, TABLES[source], random.Random(source)) for source, who in self.visitors.items()
        }

    def follow(self, version: int) -> None:
        """They are released, too."""
        for who in self.visitors.values():
            who.version = version

    def visit(self, times: int) -> dict[str, Sequence[Exchange]]:
        """So many of each client; what was said."""
        for who in self.visitors.values():
            tape_of(who).clear()
        for _ in range(times):
            for source, who in self.visitors.items():
                next(self.plans[source]).make(who)
        return {source: list(tape_of(who)) for source, who in self.visitors.items()}

    def close(self) -> None:
        for who in self.visitors.values():
            who.asking.close()


def tape_of(who: Visitor) -> list[Exchange]:
    assert isinstance(who.asking, Taped)
    return who.asking.tape


def made_state(place: Path) -> Path:
    """A state directory with a key that is the same in every run."""
    place.mkdir(mode=0o700)
    handle = os.open(place / "key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(bytes(range(32)))
    return place
