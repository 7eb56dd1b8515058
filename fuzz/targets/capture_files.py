"""A capture file gives the same packets however its bytes come, and ends in one of three ways, with a word if not well.

The first byte chooses the size of the pieces; the rest is the file.  Of damaged gzip data zlib gives what came
before the piece with the damage, so there only the packets that both ways give are the same.
"""

import io

from whimbrel.capture.files import open_capture
from whimbrel.capture.testing_decode import packets_of

TIME_MAX_NS = 1 << 62
GZIP = b"\x1f\x8b"

TOKENS = (
    b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\x34\xcd\xb2\xa1", b"\x0a\x0d\x0d\x0a",
    b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d", b"\x06\0\0\0", b"\x01\0\0\0\x14\0\0\0\x01\0\0\0\0\0\0\0\x14\0\0\0",
    b"\x03\0\0\0", b"\x05\0\0\0", b"\x02\0\0\0", b"\x09\0\x01\0\x86\0\0\0", b"\x0e\0\x08\0", b"\x1f\x8b\x08\0",
    b"\0\0\0\x20", b"\x20\0\0\0", b"\xff\xff\xff\xff",
)  # fmt: skip

Found = tuple[list[tuple[int, bytes, int, int]], str, str]


class Pieces(io.BytesIO):
    """A pipe that gives a few bytes at a time."""

    most = 1

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(self.most if size is None or size < 0 else min(size, self.most))

    def readinto1(self, room: memoryview, /) -> int:  # type: ignore[override]
        return self.readinto(room[: self.most])


def read(data: bytes, most: int) -> Found:
    file = Pieces(data)
    file.most = most
    reader = open_capture(file)
    found, end = packets_of(reader)
    if reader.packets != len(found) or (end == "end") != (reader.error == ""):
        raise AssertionError(f"{len(found)} of {reader.packets} packets, {end}: {reader.error}")
    return found, end, reader.error


def one_input(data: bytes) -> tuple[str, ...]:
    if data[1:2] in (b"\x28", b"\xfd", b"B", b"\x04"):  # other compressions, which are refused by name
        return ("refused",)
    most = data[0] * 8 + 1 if data else 1
    whole = read(data[1:], len(data) + 1)
    pieces = read(data[1:], most)
    if data[1:3] == GZIP:
        both = min(len(pieces[0]), len(whole[0]))
        pieces, whole = (pieces[0][:both], *whole[1:]), (whole[0][:both], *whole[1:])
    if pieces != whole:
        raise AssertionError(f"in pieces of {most}: {pieces[1:]}, whole: {whole[1:]}")
    for time_ns, packet, wire_len, _ in whole[0]:
        if not 0 <= time_ns <= TIME_MAX_NS or wire_len < len(packet):
            raise AssertionError(f"a packet of {len(packet)} bytes of {wire_len} at {time_ns}")
    sentence = "".join(c for c in whole[2] if not c.isdigit())
    return (whole[1], sentence, str(min(len(whole[0]), 3)))
