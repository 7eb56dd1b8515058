"""What is remembered of handshakes and of flows that are over, through the table: pushed out, late, again."""

from tests.capture.flowmodel import ENDS, MS, Sent, conversation, play, told
from whimbrel.capture.testing_flow import RST, SYN, FlowRecorder

S = 1_000_000_000
TURNS = [(0, b"ask"), (1, b"answer")]


def test_half_open_handshakes_take_no_more_memory_than_none() -> None:
    recorder = FlowRecorder(flows_max=64)
    before = recorder.used_bytes
    for i in range(1000):
        recorder.segment((i, 5), ENDS[1], i, flags=SYN)
    assert recorder.used_bytes == before
    assert recorder.counts["half_open"] == 1000
    assert recorder.counts["half_open_dropped"] >= 1000 - 64


def test_a_handshake_that_was_pushed_out_is_a_flow_joined_midway() -> None:
    recorder = FlowRecorder(flows_max=8)  # one set
    packets = conversation(TURNS, finish=False)
    play(recorder, packets[:3][:2])
    for i in range(8):
        recorder.segment((i, 5), ENDS[1], i, flags=SYN, time_ns=10 * MS)
    play(recorder, packets[2:])
    recorder.close()
    assert told(recorder) == [(0, "data", b"ask"), (1, "data", b"answer"), (-1, "over", "stopped")]
    assert not recorder.ends[1][3]


def test_a_refused_handshake_is_forgotten() -> None:
    recorder = FlowRecorder()
    recorder.segment(*ENDS, 9, flags=SYN)
    recorder.segment(ENDS[1], ENDS[0], 0, 10, flags=RST)
    recorder.segment(*ENDS, 1000, 5000, data=b"x")
    recorder.close()
    assert told(recorder) == [(0, "data", b"x"), (-1, "over", "stopped")]
    assert not recorder.ends[1][3]


def test_late_packets_of_a_flow_that_is_over_are_no_flow() -> None:
    packets = conversation(TURNS)
    recorder = play(FlowRecorder(), [*packets, *packets])
    assert recorder.counts["flows"] == 1
    assert recorder.counts["duplicates"] == 2
    assert recorder.live == 0


def test_after_a_minute_the_same_numbers_are_a_new_flow() -> None:
    packets = conversation(TURNS)
    data = [p for p in packets if p.data]
    recorder = play(FlowRecorder(), packets)
    play(recorder, [Sent(p.side, p.seq, p.ack, 0, p.data, 59 * S) for p in data])
    assert recorder.counts["flows"] == 1
    play(recorder, [Sent(p.side, p.seq, p.ack, 0, p.data, 61 * S) for p in data])
    assert recorder.counts["flows"] == 2


def test_data_far_from_a_remembered_handshake_is_another_connections() -> None:
    recorder = FlowRecorder()
    recorder.segment(*ENDS, 9, flags=SYN)
    recorder.segment(*ENDS, 0x90000000, 5000, data=b"x")
    recorder.close()
    assert told(recorder) == [(0, "data", b"x"), (-1, "over", "stopped")]
    assert not recorder.ends[1][3]
