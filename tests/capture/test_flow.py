"""The flow table case by case: what each oddity of TCP becomes."""

import pytest

from tests.capture.flowmodel import ENDS, MS, Sent, bytes_of, conversation, play, told
from whimbrel.capture.testing_flow import FIN, RST, SYN, FlowRecorder

WINDOW_PACKETS = 32
S = 1_000_000_000


def packets(*rows) -> list[Sent]:
    """(side, seq, ack, data, flags) in milliseconds."""
    return [
        Sent(side, seq, ack, flags[0] if flags else 0, data, i * MS)
        for i, (side, seq, ack, data, *flags) in enumerate(rows)
    ]


HANDSHAKE = [(0, 99, None, b"", SYN), (1, 499, 100, b"", SYN), (0, 100, 500, b"")]
GOODBYE = [(0, 103, 502, b"", FIN), (1, 502, 104, b"", FIN), (0, 104, 503, b"")]
REQUEST, REPLY = (0, 100, 500, b"ask"), (1, 500, 103, b"ok")
ASKED, ANSWERED = (0, "data", b"ask"), (1, "data", b"ok")
HALVES = [(0, "half", None), (1, "half", None)]
OVER = (-1, "over", "fin")
WHOLE = [ASKED, ANSWERED, *HALVES, OVER]
STOPPED = (-1, "over", "stopped")

CASES = {
    "whole": ([*HANDSHAKE, REQUEST, REPLY, *GOODBYE], WHOLE),
    "without an answer to the SYN": ([*HANDSHAKE[:1], REQUEST, REPLY, *GOODBYE], WHOLE),
    "response before request": ([*HANDSHAKE, REPLY, REQUEST, *GOODBYE], WHOLE),
    "response before everything": ([REPLY, *HANDSHAKE, REQUEST, *GOODBYE], WHOLE),
    "SYN late": ([REQUEST, REPLY, HANDSHAKE[0], HANDSHAKE[1], *GOODBYE], WHOLE),
    "answer to the SYN late": ([REPLY, REQUEST, HANDSHAKE[1], *GOODBYE], WHOLE),
    "SYN sent again": ([HANDSHAKE[0], *HANDSHAKE, REQUEST, HANDSHAKE[0], HANDSHAKE[1], REPLY, *GOODBYE], WHOLE),
    "SYN sent again with another start": ([(0, 7777, None, b"", SYN), *HANDSHAKE, REQUEST, REPLY, *GOODBYE], WHOLE),
    "the answer to the SYN is lost, and the reply's first bytes": (
        [HANDSHAKE[0], HANDSHAKE[2], REQUEST, (1, 501, 103, b"k"), *GOODBYE],
        [ASKED, (1, "gap", 1), (1, "data", b"k"), *HALVES, OVER],
    ),
    "the server speaks first, and the answer to the SYN is lost": (
        [HANDSHAKE[0], (1, 500, 100, b"hi"), (0, 100, 502, b"ask"), (1, 502, 103, b"", FIN), (0, 103, 503, b"", FIN)],
        [(1, "data", b"hi"), ASKED, HALVES[1], HALVES[0], OVER],
    ),
    "SYN with data": ([(0, 99, None, b"ask", SYN), (1, 499, 103, b"", SYN), REPLY, *GOODBYE], WHOLE),
    "SYN with data that was not taken": (
        [(0, 99, None, b"ask", SYN), (1, 499, 100, b"", SYN), REQUEST, REPLY, *GOODBYE],
        WHOLE,
    ),
    "FIN with data": (
        [*HANDSHAKE, (0, 100, 500, b"ask", FIN), (1, 500, 104, b"ok", FIN), (0, 104, 503, b"")],
        [ASKED, HALVES[0], ANSWERED, HALVES[1], OVER],
    ),
    "half-close": (
        [*HANDSHAKE, (0, 100, 500, b"ask", FIN), (1, 500, 104, b"o"), (1, 501, 104, b"k"), (1, 502, 104, b"", FIN)],
        [ASKED, HALVES[0], ANSWERED, HALVES[1], OVER],
    ),
    "FIN before the data": (
        [*HANDSHAKE, (0, 103, 500, b"", FIN), REQUEST, (1, 500, 104, b"ok", FIN)],
        [ASKED, HALVES[0], ANSWERED, HALVES[1], OVER],
    ),
    "everything twice": (
        [row for row in [*HANDSHAKE, REQUEST, REPLY, *GOODBYE] for _ in range(2)],
        WHOLE,
    ),
    "late copies after the end": (
        [*HANDSHAKE, REQUEST, REPLY, *GOODBYE, REQUEST, REPLY, *GOODBYE, HANDSHAKE[0]],
        WHOLE,
    ),
    "keep-alives": (
        [*HANDSHAKE, REQUEST, (0, 102, 500, b"?"), (0, 102, 500, b""), REPLY, (1, 501, 103, b"?"), *GOODBYE],
        WHOLE,
    ),
    "zero-window probe": (
        [*HANDSHAKE, (0, 100, 500, b"a"), (0, 100, 500, b"ask"), REPLY, *GOODBYE],
        WHOLE,
    ),
    "overlaps": (
        [*HANDSHAKE, (0, 101, 500, b"s"), (0, 100, 500, b"as"), (0, 101, 500, b"sk"), REPLY, *GOODBYE],
        WHOLE,
    ),
    "RST": ([*HANDSHAKE, REQUEST, (1, 500, 103, b"", RST)], [ASKED, (-1, "over", "rst")]),
    "RST before the data": (
        [*HANDSHAKE, (1, 500, 103, b"", RST), REQUEST],
        [ASKED, (-1, "over", "rst")],
    ),
    "RST behind a hole": (
        [*HANDSHAKE, (0, 105, 500, b"", RST), REQUEST],
        [ASKED, (0, "gap", 2), (-1, "over", "rst")],
    ),
    "RST from elsewhere": (
        [*HANDSHAKE, REQUEST, (1, 500 + (1 << 25), 103, b"", RST), REPLY, *GOODBYE],
        WHOLE,
    ),
    "RST before bytes that nobody acknowledged": (
        [*HANDSHAKE, REQUEST, REPLY, (1, 500, 103, b"", RST)],
        [ASKED, ANSWERED, (-1, "over", "rst")],
    ),
    "an old RST": ([*HANDSHAKE, REQUEST, REPLY, (0, 101, 502, b"", RST), *GOODBYE], WHOLE),
    "an RST that data comes from beyond of": (
        [*HANDSHAKE, (0, 101, 500, b"", RST), (0, 102, 500, b"", RST), REQUEST, REPLY, *GOODBYE],
        WHOLE,
    ),
    "an RST just behind a FIN": (
        [*HANDSHAKE, REQUEST, REPLY, GOODBYE[0], (0, 104, 502, b"", RST)],
        [ASKED, ANSWERED, HALVES[0], (-1, "over", "rst")],
    ),
    "many RSTs from elsewhere": (
        [*HANDSHAKE, *[(0, (i << 26) + (1 << 25), 500, b"", RST) for i in range(60)], REQUEST, REPLY, *GOODBYE],
        WHOLE,
    ),
    "data from elsewhere": (
        [*HANDSHAKE, REQUEST, (1, 500 + (1 << 31), 103, b"evil"), REPLY, *GOODBYE],
        WHOLE,
    ),
    "acknowledges what cannot be": (
        [*HANDSHAKE, REQUEST, (1, 500, 103 + (1 << 31) - 1, b"ok"), *GOODBYE],
        WHOLE,
    ),
    "the request is lost": (
        [*HANDSHAKE, REPLY],
        [(0, "gap", 3), ANSWERED, STOPPED],
    ),
    "the response is lost": (
        [*HANDSHAKE, REQUEST, (0, 103, 502, b"ask")],
        [ASKED, (1, "gap", 2), ASKED, STOPPED],
    ),
    "the last bytes are lost": (
        [*HANDSHAKE, REQUEST, (0, 103, 502, b"")],
        [ASKED, (1, "gap", 2), STOPPED],
    ),
    "a FIN is lost": (
        [*HANDSHAKE, REQUEST, REPLY, (1, 502, 104, b"", FIN)],
        WHOLE,
    ),
    "each waits for the other": (
        [*HANDSHAKE, (1, 500, 103, b"ok"), (0, 100, 502, b"ask")],
        [ASKED, ANSWERED, STOPPED],  # what came later is a retransmission
    ),
    "a hole filled by a retransmission": (
        [*HANDSHAKE, (0, 102, 500, b"k"), REPLY, (0, 100, 502, b"as"), *GOODBYE],
        WHOLE,
    ),
    "no data at all": ([*HANDSHAKE, (0, 100, 500, b"", FIN), (1, 500, 101, b"", FIN)], [*HALVES, OVER]),
}


def test_a_flow_may_go_on_behind_an_rst_that_was_only_guessed() -> None:
    rows = [*HANDSHAKE, REQUEST, (0, 150, 500, b"", RST)]
    recorder = play(FlowRecorder(), packets(*rows))
    recorder.tick(10_000 * MS)
    assert recorder.live == 0  # the sender said nothing more: it was believed
    recorder.segment(*ENDS, 103, 500, data=b"ask", time_ns=10_001 * MS)
    recorder.close()
    assert [event[:4] for event in recorder.events if event[2] == "data"] == [
        (1, 0, "data", b"ask"),
        (2, 0, "data", b"ask"),
    ]


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    rows, wanted = CASES[name]
    recorder = play(FlowRecorder(), packets(*rows))
    recorder.close()
    assert [(side, kind, value) for side, kind, value in told(recorder)] == joined(wanted)
    assert {event[0] for event in recorder.events} == {1}
    assert (recorder.live, recorder.used_bytes) == (0, 0)


def joined(events):
    found: list = []
    for side, kind, value in events:
        if kind == "data" and found and found[-1][:2] == (side, "data"):
            found[-1] = (side, kind, found[-1][2] + value)
        else:
            found.append((side, kind, value))
    return found


def test_a_cut_segment_is_data_and_a_hole() -> None:
    recorder = play(FlowRecorder(), packets(*HANDSHAKE))
    recorder.segment(*ENDS, 100, 500, data=b"as", wire_len=1000)
    recorder.segment(*ENDS, 1100, 500, data=b"k")
    recorder.segment(*ENDS, 1101, 500, data=b"", wire_len=7)
    recorder.close()
    assert told(recorder) == [(0, "data", b"as"), (0, "gap", 998), (0, "data", b"k"), (0, "gap", 7), STOPPED]


def test_equal_ends_in_another_network_are_another_flow() -> None:
    recorder = FlowRecorder()
    for network in (0, 5):
        recorder.segment(*ENDS, 1, data=b"x", network=network)
    recorder.close()
    assert {ends[2] for ends in recorder.ends.values()} == {0, 5}
    assert [event[0] for event in recorder.events if event[2] == "data"] == [1, 2]


def test_an_end_that_talks_to_itself() -> None:
    recorder = FlowRecorder()
    for i in range(100):
        recorder.segment(ENDS[0], ENDS[0], i * 7919, i, data=b"xyz", time_ns=i * MS)
    recorder.close()
    assert recorder.used_bytes == 0


# ---- windows ------------------------------------------------------------------------------------------------


def test_a_hole_is_a_gap_after_a_window_of_packets_once_it_was_acknowledged() -> None:
    recorder = play(FlowRecorder(), packets(*HANDSHAKE))
    recorder.segment(*ENDS, 200, 500, data=b"x")
    for i in range(WINDOW_PACKETS - 1):
        recorder.segment(ENDS[1], ENDS[0], 500, 201, time_ns=i)
    assert recorder.events == []
    recorder.segment(ENDS[1], ENDS[0], 500, 201, time_ns=99)
    assert told(recorder) == [(0, "gap", 100), (0, "data", b"x")]


def test_a_hole_is_a_gap_after_a_window_of_time() -> None:
    recorder = play(FlowRecorder(), packets(*HANDSHAKE, (0, 200, 500, b"x"), (1, 500, 201, b"")))
    recorder.tick(3 * MS + 199 * MS)
    assert recorder.events == []
    recorder.tick(3 * MS + 200 * MS)
    assert told(recorder) == [(0, "gap", 100), (0, "data", b"x")]
    assert recorder.counts["gap_bytes"] == 100


def test_what_nobody_acknowledged_may_be_sent_again() -> None:
    rows = [*HANDSHAKE, (0, 103, 500, b"?"), *[(1, 500, 100, b"")] * 50]
    recorder = play(FlowRecorder(), packets(*rows))
    recorder.tick(1000 * MS)
    assert recorder.events == []
    recorder.segment(*ENDS, 100, 500, data=b"ask", time_ns=1100 * MS)
    assert told(recorder) == [(0, "data", b"ask?")]
    recorder.segment(*ENDS, 200, 500, data=b"x", time_ns=1200 * MS)
    recorder.tick(3200 * MS)  # but not for ever
    assert told(recorder)[1:] == [(0, "gap", 96), (0, "data", b"x")]


def test_a_clock_that_jumps_does_not_hold_anything_back() -> None:
    for jump in (-3600 * S, 3600 * S):
        recorder = play(FlowRecorder(), packets(*HANDSHAKE, (0, 200, 500, b"x"), (1, 500, 201, b"")))
        recorder.tick(jump)
        assert told(recorder)[:2] == [(0, "gap", 100), (0, "data", b"x")]


def test_nothing_stalls_where_one_direction_is_not_captured() -> None:
    recorder = FlowRecorder()
    for i in range(100):
        recorder.segment(ENDS[1], ENDS[0], 500 + i, 100 + 50 * i, data=b"r", time_ns=i * MS)
    data = [event for event in recorder.events if event[2] == "data"]
    assert len(data) >= 100 - WINDOW_PACKETS
    recorder.close()
    assert bytes_of(recorder, 0) == b"r" * 100
    assert bytes_of(recorder, 1) == bytes(50 * 99)


# ---- limits ---------------------------------------------------------------------------------------------------


def test_what_waits_is_bounded_by_bytes() -> None:
    recorder = play(FlowRecorder(), packets(*HANDSHAKE))
    for i in range(1000):
        recorder.segment(*ENDS, 200 + i * 1448, 500, data=bytes(1448))
        assert recorder.peak_bytes < 4 << 20
    recorder.close()
    assert bytes_of(recorder, 0) == bytes(100 + 1448 * 1000)
    assert recorder.counts["gaps"] == 1


def test_what_waits_is_bounded_by_pieces() -> None:
    recorder = play(FlowRecorder(), packets(*HANDSHAKE))
    for i in range(5000):
        recorder.segment(*ENDS, 200 + i * 2, 500, data=b"x")
    assert recorder.peak_bytes < 1 << 20
    recorder.close()
    assert bytes_of(recorder, 0) == bytes(100) + b"\0".join([b"x"] * 5000)


def test_an_arena_without_room_makes_gaps_and_loses_no_flow() -> None:
    recorder = FlowRecorder(arena_bytes=1 << 20, flows_max=64)
    flows = 50
    for round_ in range(40):
        for i in range(flows):
            recorder.segment((i, 1000), ENDS[1], 100 + 2000 * round_, 1, data=bytes([round_]) * 1000)
    recorder.close()
    assert recorder.peak_bytes <= 1 << 20
    for flow in range(1, flows + 1):
        wanted = bytes(1000).join(bytes([round_]) * 1000 for round_ in range(40))
        assert bytes_of(recorder, 0, flow) == wanted
    assert (recorder.live, recorder.used_bytes) == (0, 0)


# ---- ends that are used again -----------------------------------------------------------------------------------


def test_the_same_ends_again_after_the_end() -> None:
    one = packets(*HANDSHAKE, REQUEST, REPLY, *GOODBYE)
    again = [Sent(p.side, p.seq + 70000, p.ack and p.ack + 70000, p.flags, p.data, p.time_ns + S) for p in one]
    recorder = play(FlowRecorder(), one + again)
    recorder.close()
    assert told(recorder, 1) == told(recorder, 2) == WHOLE


@pytest.mark.parametrize("answered", [True, False])
def test_the_same_ends_again_without_an_end(answered: bool) -> None:
    one = packets(*HANDSHAKE, REQUEST, REPLY)
    again = packets(*HANDSHAKE, REQUEST, REPLY, *GOODBYE)
    again = [Sent(p.side, p.seq + 70000, p.ack and p.ack + 70000, p.flags, p.data, p.time_ns + S) for p in again]
    if not answered:
        del again[1:3]
    recorder = play(FlowRecorder(), one + again)
    recorder.close()
    assert told(recorder, 1) == [ASKED, ANSWERED, (-1, "over", "idle")]
    assert told(recorder, 2) == WHOLE


def test_a_forged_syn_ends_nothing() -> None:
    rows = [*HANDSHAKE, REQUEST, (0, 123456, None, b"", SYN), REPLY, (0, 654321, None, b"", SYN), *GOODBYE]
    recorder = play(FlowRecorder(), packets(*rows))
    recorder.close()
    assert told(recorder) == WHOLE


def test_another_connection_without_a_syn_is_noticed() -> None:
    recorder = play(FlowRecorder(), packets(*HANDSHAKE, REQUEST, REPLY))
    for i in range(100):
        recorder.segment(*ENDS, 100 + (1 << 31) + 3 * i, 9, data=b"new", time_ns=i * MS)
    recorder.close()
    assert told(recorder, 1) == [ASKED, ANSWERED, (-1, "over", "idle")]
    assert b"new" * 60 in bytes_of(recorder, 0, 2)
    assert recorder.counts["implausible"] >= 32


# ---- abandoned ----------------------------------------------------------------------------------------------------


def test_an_abandoned_flow_is_silent_until_it_is_over() -> None:
    recorder = FlowRecorder()
    recorder.abandon_after = 1
    turns = [(0, b"a" * 100), (1, b"b" * 100), (0, b"c" * 100)]
    play(recorder, conversation(turns))
    assert [event[2] for event in recorder.events] == ["data", "over"]
    assert recorder.events[-1][3] == "fin"
    recorder.close()
    assert (recorder.live, recorder.used_bytes) == (0, 0)


def test_a_flow_abandoned_while_it_waits_lets_go_of_what_waits() -> None:
    recorder = play(FlowRecorder(), packets(*HANDSHAKE, REQUEST, (0, 200, 500, bytes(5000)), (1, 500, 203, b"")))
    before = recorder.used_bytes
    recorder.abandon(1)
    recorder.tick(10 * S)
    assert recorder.used_bytes <= before - 5000
    recorder.close()
    assert told(recorder) == [ASKED, STOPPED]
