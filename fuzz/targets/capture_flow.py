"""Whatever segments come, each side is told a run of what was sent, with gaps of the right size, and nothing is left.

Eight bytes are a segment: who sends, flags, bytes, sequence and acknowledgement as steps from the sender's start, time
passed, bytes cut off.  Every byte of data is its own sequence number modulo 256, so the order and the size of what was
lost can be checked in what is told.
"""

import struct

from whimbrel.capture.testing_flow import FlowRecorder

SEGMENT = struct.Struct("<BBBhhB")
ARENA_BYTES = 1 << 20
FLOWS_MAX = 3
MS = 1_000_000
STARTS = (0xFFFFFF00, 5000, 0x7FFFFF80, 5000)
TIMES_NS = (MS, 0, 10 * MS, 250 * MS, 3000 * MS, -MS, -300 * MS, 400_000 * MS)
TOKENS = tuple(
    SEGMENT.pack(*row)
    for row in (
        (0x80, 2, 0, -1, 0, 0),
        (0xA1, 2, 0, -1, 0, 0),
        (0x20, 0, 0, 0, 0, 0),
        (0x20, 0, 10, 0, 0, 0),
        (0x21, 0, 10, 0, 10, 0),
        (0x20, 1, 0, 10, 10, 0),
        (0x21, 1, 0, 10, 11, 0),
        (0x20, 4, 0, 10, 10, 0),
        (0x20, 0, 255, 16384, 0, 0),
        (0x20, 0, 3, 7, 0, 0xF0),
    )
)


def segment(recorder: FlowRecorder, row: tuple[int, ...], now_ns: int) -> None:
    """who: bit 0 the side, bits 1 and 2 the client, bit 3 far away, bit 4 a tick, bit 5 acknowledges."""
    who, flags, n, seq, ack, more = row
    side, client = who & 1, who >> 1 & 3
    client_end, server_end = (client, 1000), (9, 80)
    far = 1 << 30 if who & 8 else 0
    seq_at = STARTS[side] + seq * (16 if far else 1) + far
    first = seq_at + (1 if flags & 2 else 0)
    data = bytes((first + i) & 0xFF for i in range(n * (8 if more & 0x80 else 1)))
    recorder.segment(
        server_end if side else client_end,
        client_end if side else server_end,
        seq_at,
        STARTS[1 - side] + ack if who & 0x20 else None,
        flags=flags & 7,
        data=data,
        time_ns=now_ns,
        wire_len=len(data) + (more >> 3 & 15) * 3,
    )
    if who & 16:
        recorder.tick(now_ns)


def check(recorder: FlowRecorder) -> None:
    expected: dict[tuple[int, int], int] = {}
    for number, side, kind, value, _ in recorder.events:
        at = expected.get((number, side))
        if (number, -1) in expected or at == -1:
            raise AssertionError(f"{kind} after the end")
        if kind == "data":
            start = value[0] if at is None else at
            if value != bytes((start + i) & 0xFF for i in range(len(value))):
                raise AssertionError(f"flow {number} side {side}: out of order")
            expected[number, side] = (start + len(value)) & 0xFF
        elif kind == "gap" and at is not None:
            expected[number, side] = (at + value) & 0xFF
        elif kind in ("half", "over"):
            expected[number, side] = -1


def one_input(data: bytes) -> tuple[object, ...]:
    recorder = FlowRecorder(arena_bytes=ARENA_BYTES, flows_max=FLOWS_MAX)
    now_ns = 0
    for row in SEGMENT.iter_unpack(data[: min(len(data), 4096) // SEGMENT.size * SEGMENT.size]):
        now_ns += TIMES_NS[row[5] & 7]
        segment(recorder, row, now_ns)
        if recorder.live > FLOWS_MAX:
            raise AssertionError("too many flows")
    recorder.close()
    if recorder.live or recorder.used_bytes or recorder.peak_bytes > ARENA_BYTES:
        raise AssertionError(f"{recorder.live} flows and {recorder.used_bytes} bytes are left")
    check(recorder)
    counts = recorder.counts
    kinds = tuple(sorted({f"{kind} {value if kind == 'over' else ''}" for _, _, kind, value, _ in recorder.events}))
    return (*kinds, *(name for name in sorted(counts) if counts[name]))
