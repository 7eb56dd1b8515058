"""Captures made for measuring the agent: HTTP/1 with JSON, and traffic that wants its memory.

Every function writes a pcap file and returns what it put in, so that the agent's counts can be held against it.
Frames are Ethernet, IPv4, TCP with empty checksums, as an offloading card shows them to a capture.
"""

from __future__ import annotations

import json
import struct
import uuid
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from whimbrel.capture.write import pcap_header

SYN, FIN, ACK = 2, 1, 16
SEGMENT_BYTES = 1448
START_NS = 1_700_000_000 * 10**9
STEP_NS = 2_000  # between two packets
HEAD_BYTES = 14 + 20 + 20
SERVER = (bytes([10, 9, 0, 1]), 8080)

REQUEST = (
    b"GET /api/v1/orders?page=%d HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: bench/1.0\r\n"
    b"Accept: application/json\r\nAuthorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl\r\n"
    b"X-Request-Id: 5f0c2e4a9b7d4c1e8f3a6b2d\r\n\r\n"
)


@dataclass(frozen=True)
class Traffic:
    """What a capture holds."""

    path: Path
    packets: int
    calls: int
    payload_bytes: int


def frame(client: tuple[bytes, int], outward: bool, seq: int, ack: int, flags: int, data: bytes = b"") -> bytes:
    """One packet from the client (`outward`) or to it."""
    source, target = (client, SERVER) if outward else (SERVER, client)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(data), 0, 0x4000, 64, 6, 0, source[0], target[0])
    tcp = struct.pack("!HHIIBBHHH", source[1], target[1], seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, 65535, 0, 0)
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0" + ip + tcp + data


def record(number: int, data: bytes) -> bytes:
    seconds, rest_ns = divmod(START_NS + number * STEP_NS, 10**9)
    return struct.pack("<IIII", seconds, rest_ns, len(data), len(data)) + data


class Talk:
    """One connection's packets in order; sequence numbers are kept here."""

    def __init__(self, client: tuple[bytes, int]) -> None:
        self.client = client
        self.seq = [1000, 5000]

    def packet(self, side: int, flags: int, data: bytes = b"") -> bytes:
        made = frame(self.client, side == 0, self.seq[side], self.seq[1 - side], flags, data)
        self.seq[side] += len(data) + (1 if flags & (SYN | FIN) else 0)
        return made

    def opened(self) -> Iterator[bytes]:
        yield frame(self.client, True, self.seq[0], 0, SYN)
        self.seq[0] += 1
        yield self.packet(1, SYN | ACK)
        yield self.packet(0, ACK)

    def sent(self, side: int, data: bytes) -> Iterator[bytes]:
        """Full segments, and an acknowledgement for every other one."""
        for number, at in enumerate(range(0, len(data), SEGMENT_BYTES)):
            yield self.packet(side, ACK, data[at : at + SEGMENT_BYTES])
            if number % 2:
                yield self.packet(1 - side, ACK)

    def closed(self) -> Iterator[bytes]:
        yield self.packet(0, FIN | ACK)
        yield self.packet(1, FIN | ACK)
        yield self.packet(0, ACK)


def client_of(number: int) -> tuple[bytes, int]:
    """The address of the nth client: 50,000 ports an address."""
    address = 10 << 24 | 1 << 16 | number // 50_000
    return struct.pack("!I", address), 10_000 + number % 50_000


def order(random: Random) -> dict[str, object]:
    """One row of an API's answer, with what such rows have."""
    return {
        "id": random.randrange(10**9),
        "reference": str(uuid.UUID(int=random.getrandbits(128))),
        "customer": {"email": f"user{random.randrange(10**6)}@example.com", "country": "DE", "verified": True},
        "created_at": f"2026-03-{random.randrange(1, 29):02}T12:{random.randrange(60):02}:00Z",
        "total": round(random.random() * 1000, 2),
        "currency": "EUR",
        "items": [
            {"sku": f"sku-{random.randrange(10**6)}", "quantity": random.randrange(1, 9), "note": None}
            for _ in range(random.randrange(1, 4))
        ],
        "comment": "left at the door, please ring twice and wait a little",
    }


def orders(random: Random, size_bytes: int) -> bytes:
    """A JSON document of about that size."""
    rows: list[str] = []
    length = 20
    while length < size_bytes:
        rows.append(json.dumps(order(random)))
        length += len(rows[-1]) + 2
    return ('{"data": [' + ", ".join(rows) + "]}").encode()


def answered(body: bytes, *headers: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    return head + b"".join(line + b"\r\n" for line in headers) + b"\r\n" + body


def written(path: Path, packets: Iterable[bytes], calls: int) -> Traffic:
    count = payload = 0
    with path.open("wb", buffering=1 << 20) as file:
        file.write(pcap_header())
        for data in packets:
            file.write(record(count, data))
            count += 1
            payload += len(data) - HEAD_BYTES
    return Traffic(path, count, calls, payload)


def api_calls(path: Path, flows: int, calls_a_flow: int, body_bytes: int) -> Traffic:
    """Keep-alive connections one after the other, each with the same calls: only addresses and times differ."""
    random = Random(7)
    talk = Talk(client_of(0))
    template = list(talk.opened())
    for call in range(calls_a_flow):
        template += talk.sent(0, REQUEST % call)
        template += talk.sent(1, answered(orders(random, body_bytes)))
    template += talk.closed()
    return written(path, (moved(data, number) for number in range(flows) for data in template), flows * calls_a_flow)


def moved(data: bytes, number: int) -> bytes:
    """A frame of client 0 as one of the nth client."""
    address, port = client_of(number)
    if data[26:30] == SERVER[0]:
        return data[:30] + address + data[34:36] + struct.pack("!H", port) + data[38:]
    return data[:26] + address + data[30:34] + struct.pack("!H", port) + data[36:]


def large_answers(path: Path, answers: int, body_bytes: int) -> Traffic:
    """Responses of that size, all under way at once: a segment of each in turn."""
    random = Random(9)
    piece = orders(random, 1 << 20)[10:-2]  # a megabyte of rows, repeated: making them all takes minutes
    body = b'{"data": [' + b", ".join([piece] * (body_bytes // len(piece) + 1)) + b"]}"

    def one(number: int) -> Iterator[bytes]:
        talk = Talk(client_of(number))
        yield from talk.opened()
        yield from talk.sent(0, REQUEST % number)
        yield from talk.sent(1, answered(body))
        yield from talk.closed()

    return written(path, in_turn([one(number) for number in range(answers)]), answers)


def in_turn(sources: list[Iterator[bytes]]) -> Iterator[bytes]:
    while sources:
        for source in list(sources):
            data = next(source, None)
            if data is None:
                sources.remove(source)
            else:
                yield data


# ---- what wants the agent's memory -----------------------------------------------------------------------


def syn_flood(path: Path, count: int) -> Traffic:
    return written(path, (frame(client_of(number), True, number, 0, SYN) for number in range(count)), 0)


def unfinished_flows(path: Path, count: int) -> Traffic:
    """Connections that begin a request and say no more."""
    start = b"GET /a HTTP/1.1\r\nHost: a\r\nX-Begun: " + b"x" * 60
    return written(path, (frame(client_of(number), True, 1, 1, ACK, start) for number in range(count)), 0)


def asked_and_answered(path: Path, request: bytes, answer: Iterable[bytes]) -> Traffic:
    def packets() -> Iterator[bytes]:
        talk = Talk(client_of(0))
        yield from talk.opened()
        yield from talk.sent(0, request)
        for piece in answer:
            yield from talk.sent(1, piece)
        yield from talk.closed()

    return written(path, packets(), 1)


def gzip_bomb(path: Path, expanded_bytes: int) -> Traffic:
    packer = zlib.compressobj(9, wbits=31)
    body = packer.compress(b'["')
    for _ in range(expanded_bytes >> 20):
        body += packer.compress(b"a" * (1 << 20))
    body += packer.compress(b'"]') + packer.flush()
    return asked_and_answered(path, REQUEST % 1, [answered(body, b"Content-Encoding: gzip")])


def deep_json(path: Path, depth: int) -> Traffic:
    return asked_and_answered(path, REQUEST % 1, [answered(b'{"a":' * depth + b"1" + b"}" * depth)])


def many_keys(path: Path, keys: int) -> Traffic:
    body = b"{" + b",".join(b'"key%d":{"a":1}' % number for number in range(keys)) + b"}"
    return asked_and_answered(path, REQUEST % 1, [answered(body)])


def endless_headers(path: Path, total_bytes: int) -> Traffic:
    line = b"X-More: " + b"x" * 90 + b"\r\n"
    count = total_bytes // len(line)
    return asked_and_answered(path, b"GET / HTTP/1.1\r\n" + line * count, [b"HTTP/1.1 200 OK\r\n" + line * count])


def endless_chunk(path: Path, total_bytes: int) -> Traffic:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n"
    return asked_and_answered(path, REQUEST % 1, [head, b'["' + b"a" * total_bytes])
