"""Any frame decodes to one answer, a segment lies within its frame, and what fragments took is given back.

An input is a series of frames to one decoder: | link 1 | length 2 | bytes cut 1 | frame | ...; the link is a place in
LINKS.  Time steps on by up to some seconds a frame, so datagrams age.
"""

from whimbrel.capture.testing_decode import Decoding

LINKS = (1, 0, 101, 108, 113, 228, 229, 276)
FRAMES_MAX = 64
STEP_NS = 10**9

TOKENS = (
    b"\x08\x00", b"\x86\xdd", b"\x81\x00", b"\x88\xa8", b"\x65\x58", b"\x12\xb5", b"\x17\xc1", b"\x45\x00", b"\x60\x00",
    b"\x20\x00", b"\x00\x06", b"\x2c\x00", b"\x2f", b"\x04", b"\x29", b"\x33", b"\x3c\x00", b"\x50\x10", b"\xff\xff",
)  # fmt: skip


def one_input(data: bytes) -> tuple[str, ...]:
    decoding = Decoding(1 << 20)
    kinds: set[str] = set()
    at = 0
    for number in range(FRAMES_MAX):
        if at + 4 > len(data):
            break
        link, size, cut = LINKS[data[at] % len(LINKS)], int.from_bytes(data[at + 1 : at + 3], "big"), data[at + 3]
        frame = data[at + 4 : at + 4 + size]
        at += 4 + size
        kind, segment = decoding.decode(frame, link, len(frame) + cut, number * cut * STEP_NS)
        if segment and len(segment["data"]) > segment["wire_len"]:
            raise AssertionError(f"{len(segment['data'])} bytes of {segment['wire_len']}")
        kinds.add(kind)
        if sum(decoding.counts.values()) != number + 1:
            raise AssertionError("an answer was not counted")
    lost = decoding.lost
    decoding.close()
    if decoding.used_bytes:
        raise AssertionError(f"{decoding.used_bytes} bytes were not given back")
    return (*sorted(kinds), str(min(lost, 2)), str(min(decoding.differ, 2)))
