"""Captures from scripts: who sends what to whom in which order, as TCP segments in a pcap.

    talk = Talk()                               a connection: handshake, data with the right numbers, FINs
    talk.client(b"GET / HTTP/1.1...")           one segment, or several of at most `mss` bytes
    talk.server(b"HTTP/1.1 200 OK...")
    pcap([talk, other])                         their packets, in the order they were sent

Times advance by a fixed step a packet, so that captures are the same every time.  Also here: reading a capture's
packets back and writing them changed (deleted, permuted, doubled, cut, flipped).
"""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

from tests.capture.packets import ACK, FIN, PSH, RST, SYN, ethernet, tcp
from whimbrel.capture.write import Record, write_pcap

START_NS = 1_700_000_000 * 10**9
STEP_NS = 100_000

_order = count()


@dataclass
class Talk:
    """One TCP connection."""

    client_end: tuple[str, int] = ("10.0.0.1", 40000)
    server_end: tuple[str, int] = ("10.0.0.2", 80)
    mss: int = 1400
    handshake: bool = True
    acks: bool = True  # an empty segment acknowledges what was sent
    client_next: int = 1000
    server_next: int = 5000
    frames: list[tuple[int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.handshake:
            self._send(True, SYN)
            self.client_next += 1
            self._send(False, SYN | ACK)
            self.server_next += 1
            self._send(True, ACK)

    def client(self, data: bytes, mss: int | None = None) -> Talk:
        return self._data(True, data, mss or self.mss)

    def server(self, data: bytes, mss: int | None = None) -> Talk:
        return self._data(False, data, mss or self.mss)

    def close(self) -> Talk:
        for from_client in (True, False):
            self._send(from_client, FIN | ACK)
            if from_client:
                self.client_next += 1
            else:
                self.server_next += 1
        self._send(True, ACK)
        return self

    def reset(self) -> Talk:
        self._send(False, RST | ACK)
        return self

    def skip_client(self, size: int) -> Talk:
        """Bytes that were sent and not captured."""
        self.client_next += size
        return self

    def skip_server(self, size: int) -> Talk:
        self.server_next += size
        return self

    def _data(self, from_client: bool, data: bytes, mss: int) -> Talk:
        for at in range(0, len(data), mss):
            piece = data[at : at + mss]
            self._send(from_client, PSH | ACK, piece)
            if from_client:
                self.client_next = (self.client_next + len(piece)) & 0xFFFFFFFF
            else:
                self.server_next = (self.server_next + len(piece)) & 0xFFFFFFFF
        if self.acks and data:
            self._send(not from_client, ACK)
        return self

    def _send(self, from_client: bool, flags: int, data: bytes = b"") -> None:
        ends = (self.client_end, self.server_end) if from_client else (self.server_end, self.client_end)
        numbers = (self.client_next, self.server_next) if from_client else (self.server_next, self.client_next)
        (source, source_port), (target, target_port) = ends
        acknowledged = numbers[1] if flags & ACK else 0
        segment = tcp(source, source_port, target, target_port, numbers[0], acknowledged, flags, data)
        self.frames.append((next(_order), ethernet(segment)))


def frames(talks: Iterable[Talk]) -> list[bytes]:
    """All packets, in the order they were made."""
    return [frame for _, frame in sorted(frame for talk in talks for frame in talk.frames)]


def pcap(talks: Iterable[Talk] | Sequence[bytes], step_ns: int = STEP_NS) -> bytes:
    """A capture of these connections, or of these packets."""
    made = list(talks)
    packets = frames(made) if made and isinstance(made[0], Talk) else made  # type: ignore[arg-type]
    out = io.BytesIO()
    write_pcap(out, [(START_NS + place * step_ns, packet, None) for place, packet in enumerate(packets)])  # type: ignore[misc]
    return out.getvalue()


# ---- an existing capture -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Capture:
    """A classic pcap, taken apart."""

    head: bytes  # its 24 bytes
    records: tuple[bytes, ...]  # each with its 16 bytes of header

    @classmethod
    def of(cls, data: bytes) -> Capture:
        order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        records, at = [], 24
        while at < len(data):
            size = 16 + struct.unpack_from(order + "I", data, at + 8)[0]
            records.append(data[at : at + size])
            at += size
        return cls(data[:24], tuple(records))

    def whole(self, records: Iterable[bytes] | None = None) -> bytes:
        return self.head + b"".join(self.records if records is None else records)

    def without(self, place: int) -> bytes:
        return self.whole(self.records[:place] + self.records[place + 1 :])

    def permuted(self, seed: int, window: int = 8) -> bytes:
        """Every packet at most `window` places from where it was.

        Packets follow each other by 0.1 ms: one that is late by the seconds that some captures pause is lost to a
        flow, whose window has a length in time, too.
        """
        draw = random.Random(seed)
        order = sorted(range(len(self.records)), key=lambda place: place + draw.random() * window)
        return self.whole(self._at(place, self.records[other]) for place, other in enumerate(order))

    def doubled(self, seed: int, share: float = 0.3, window: int = 6) -> bytes:
        """Some packets a second time, a little later."""
        draw = random.Random(seed)
        keyed: list[tuple[float, int]] = [(place, place) for place in range(len(self.records))]
        keyed += [(p + 0.5 + draw.randrange(window), p) for p in range(len(self.records)) if draw.random() < share]
        order = [place for _, place in sorted(keyed)]
        last = len(self.records) - 1
        return self.whole(self._times_of(min(at, last), self.records[place]) for at, place in enumerate(order))

    def flipped(self, seed: int, bits: int) -> bytes:
        """Some bits anywhere behind the file's header, record headers included."""
        draw = random.Random(seed)
        data = bytearray(self.whole())
        for _ in range(bits):
            at = draw.randrange(24, len(data))
            data[at] ^= 1 << draw.randrange(8)
        return bytes(data)

    def _at(self, place: int, record: bytes) -> bytes:
        order = "<" if self.head[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        nanoseconds = self.head[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
        fraction = place * STEP_NS % 10**9 // (1 if nanoseconds else 1000)
        return struct.pack(order + "II", START_NS // 10**9 + place * STEP_NS // 10**9, fraction) + record[8:]

    def _times_of(self, place: int, record: bytes) -> bytes:
        return self.records[place][:8] + record[8:]


def mapped(capture: Capture, change: Callable[[int, bytes], bytes]) -> bytes:
    """Each packet's bytes changed; lengths in the record header follow."""
    out = []
    for place, record in enumerate(capture.records):
        packet = change(place, record[16:])
        out.append(record[:8] + struct.pack("<II", len(packet), len(packet)) + packet)
    return capture.whole(out)


__all__ = ["Capture", "Record", "Talk", "frames", "mapped", "pcap"]
