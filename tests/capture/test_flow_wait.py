"""What waits: whatever pieces come, every byte is kept once, and it is the first copy."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.capture.flowmodel import ENDS, bytes_of, told
from whimbrel.capture.testing_flow import FIN, FlowRecorder

pieces = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 25), st.integers(0, 3)), min_size=1, max_size=30)


def waiting() -> FlowRecorder:
    """A flow whose first byte does not come, so that all else waits."""
    recorder = FlowRecorder()
    recorder.segment(*ENDS, 99, flags=2)
    recorder.segment(ENDS[1], ENDS[0], 499, 100, flags=2)
    return recorder


@settings(max_examples=200, deadline=None)
@given(pieces)
def test_the_first_copy_of_a_byte_wins(parts):
    recorder = waiting()
    kept: dict[int, int] = {}
    differ = duplicates = 0
    for i, (at, n, cut) in enumerate(parts):
        data = bytes([i + 1]) * n
        had = [kept.get(byte) for byte in range(at, at + n)]
        differ += any(byte not in (None, 0, i + 1) for byte in had)
        duplicates += all(byte in kept for byte in range(at, at + n + cut))
        for byte in range(at, at + n):
            kept.setdefault(byte, i + 1)
        for byte in range(at + n, at + n + cut):
            kept.setdefault(byte, 0)  # sent, not captured: what comes later of it is not looked at
        recorder.segment(*ENDS, 101 + at, 500, data=data, wire_len=n + cut)
    assert recorder.counts["overlaps_differ"] == differ
    assert recorder.counts["duplicates"] == duplicates
    assert recorder.counts["out_of_order"] == len(parts)
    recorder.segment(*ENDS, 100, 500, data=b"\xff")
    recorder.close()
    end = max(kept) + 1
    assert bytes_of(recorder, 0) == b"\xff" + bytes(kept.get(byte, 0) for byte in range(end))
    assert recorder.used_bytes == 0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_a_fin_among_what_waits(seed):
    rng = random.Random(seed)
    recorder = waiting()
    data = bytes(range(1, 101))
    rows = [(at, data[at : at + n], 0) for at in range(1, 100) for n in [rng.randrange(1, 20)]]
    rows += [(100, b"", FIN), (95, data[95:], FIN)]
    rng.shuffle(rows)
    for at, part, flags in rows[:30]:
        recorder.segment(*ENDS, 100 + at, 500, data=part, flags=flags)
    recorder.segment(*ENDS, 100, 500, data=data, flags=FIN)
    recorder.close()
    assert told(recorder)[:2] == [(0, "data", data), (0, "half", None)]
    assert recorder.counts["overlaps_differ"] == 0


def test_pieces_from_the_back_cost_no_more_than_from_the_front() -> None:
    recorder = waiting()
    for at in range(900, 0, -1):
        recorder.segment(*ENDS, 100 + at, 500, data=bytes([at % 251]))
    recorder.segment(*ENDS, 100, 500, data=b"\0")
    assert bytes_of(recorder, 0) == bytes(at % 251 for at in range(901))
