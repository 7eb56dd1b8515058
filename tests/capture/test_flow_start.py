"""Where a flow starts, and whose flow it is."""

from tests.capture.flowmodel import ENDS, MS, play, told
from tests.capture.test_flow import HANDSHAKE, REPLY, REQUEST, packets
from whimbrel.capture.testing_flow import SYN, FlowRecorder


def test_the_client_is_who_sent_the_syn() -> None:
    for rows in ([*HANDSHAKE, REQUEST], [REPLY, *HANDSHAKE], [REPLY, HANDSHAKE[1]], [HANDSHAKE[1], REPLY]):
        recorder = play(FlowRecorder(), packets(*rows))
        recorder.close()
        assert recorder.ends[1] == (*ENDS, 0, True), rows
    recorder = play(FlowRecorder(), packets(REPLY))
    recorder.close()
    assert recorder.ends[1] == (ENDS[1], ENDS[0], 0, False)


def test_a_start_is_waited_for_only_so_long() -> None:
    recorder = FlowRecorder()
    recorder.segment(*ENDS, 100, 500, data=b"b", time_ns=0)
    recorder.segment(*ENDS, 99, 500, data=b"a", time_ns=MS)
    recorder.tick(199 * MS)
    assert recorder.events == []
    recorder.tick(200 * MS)
    assert told(recorder) == [(0, "data", b"ab")]
    recorder.segment(*ENDS, 98, 500, data=b"-", time_ns=201 * MS)
    recorder.segment(*ENDS, 101, 500, data=b"c", time_ns=202 * MS)
    assert told(recorder) == [(0, "data", b"abc")]


def test_a_syn_behind_the_bytes_that_came_is_no_start_of_them() -> None:
    recorder = FlowRecorder()
    recorder.segment(*ENDS, 100, 500, data=b"b", time_ns=0)
    recorder.segment(*ENDS, 100, None, flags=SYN, time_ns=MS)
    recorder.close()
    assert told(recorder) == [(0, "data", b"b"), (-1, "over", "stopped")]
    assert not recorder.ends[1][3]
