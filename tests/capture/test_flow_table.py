"""The table under strangers: floods, limits, idle flows, sampling; memory comes back."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.capture.flowmodel import ENDS, MS, bytes_of, conversation, play
from whimbrel.capture.testing_flow import SYN, FlowRecorder, flood

S = 1_000_000_000
MIB = 1 << 20

near = st.one_of(st.integers(0, 200), st.integers(0, 0xFFFFFFFF), st.integers(0x7FFFFF00, 0x80000100))
hostile = st.tuples(
    st.integers(0, 3),  # source
    st.integers(0, 3),  # destination
    near,  # seq
    st.one_of(st.none(), near),  # ack
    st.sampled_from([0, 0, 0, 0, 0, 1, 2, 2, 3, 4, 7]),
    st.one_of(st.just(0), st.integers(0, 40), st.integers(0, 3000)),  # bytes
    st.one_of(st.just(0), st.integers(0, 100), st.integers(0, 0xFFFFFFFF)),  # cut off
    st.one_of(st.integers(0, 300 * MS), st.integers(-400 * S, 400 * S)),  # later
)


@settings(max_examples=150, deadline=None)
@given(st.lists(hostile, max_size=150), st.integers(1, 5), st.booleans(), st.integers(-1, 3))
def test_hostile_segments_stay_within_bounds(segments, flows_max, ticks, abandon_after):
    recorder = FlowRecorder(arena_bytes=MIB, flows_max=flows_max)
    recorder.abandon_after = abandon_after
    now = 0
    for src, dst, seq, ack, flags, n, cut, later in segments:
        now += later
        wire_len = min(n + cut, 0xFFFFFFFF)
        data = bytes([seq & 255]) * n
        recorder.segment((src, 1), (dst, 1), seq, ack, flags=flags, data=data, time_ns=now, wire_len=wire_len)
        if ticks:
            recorder.tick(now)
        assert recorder.live <= flows_max
    told = check_contract(recorder)
    recorder.close()
    assert (recorder.live, recorder.used_bytes) == (0, 0)
    assert recorder.peak_bytes <= MIB
    counts = recorder.counts
    assert counts["flows"] == sum(event[2] == "over" for event in recorder.events)
    assert counts["gaps"] == sum(event[2] == "gap" for event in recorder.events)
    assert counts["gap_bytes"] == sum(event[3] for event in recorder.events if event[2] == "gap")
    assert check_contract(recorder) >= told


def check_contract(recorder: FlowRecorder) -> int:
    """Ids count up; nothing is told of a flow that is over, nor of a side after its FIN, nor is nothing told."""
    over, half, most = set(), set(), 0
    for number, side, kind, value, _ in recorder.events:
        assert number not in over
        assert (number, side) not in half
        most = max(most, number)
        if kind == "over":
            over.add(number)
        elif kind == "half":
            half.add((number, side))
        elif kind == "data":
            assert value
        else:
            assert value > 0
    assert most <= recorder.counts["flows"]
    return len(over)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_many_conversations_at_once_do_not_mix(seed):
    rng = random.Random(seed)
    recorder = FlowRecorder()
    talks = {}
    for i in range(8):
        turns = [(rng.randrange(2), bytes([i]) * rng.randrange(1, 50)) for _ in range(rng.randrange(1, 8))]
        talks[i] = (turns, conversation(turns, (rng.randrange(2**32), rng.randrange(2**32))))
    queues = {i: list(packets) for i, (_, packets) in talks.items()}
    while queues:
        i = rng.choice(list(queues))
        play(recorder, [queues[i].pop(0)], ((i, 1000 + i), ENDS[1]))
        if not queues[i]:
            del queues[i]
    recorder.close()
    by_client = {ends[0][0]: number for number, ends in recorder.ends.items()}
    for i, (turns, _) in talks.items():
        for side in range(2):
            assert bytes_of(recorder, side, by_client[i]) == b"".join(data for s, data in turns if s == side)
    assert recorder.counts["gaps"] == 0


# ---- floods ---------------------------------------------------------------------------------------------------


def test_a_million_syns_take_only_the_fixed_table() -> None:
    seen = flood("syn", 1_000_000, flows=1_000_000, arena_bytes=4 * MIB)
    assert seen["live"] == 0
    assert seen["peak_bytes"] == flood("syn", 1)["peak_bytes"]
    counts = seen["counts"]
    assert counts["half_open"] == 1_000_000
    assert counts["half_open_dropped"] == 1_000_000 - 8192
    assert counts["flows"] == seen["left_bytes"] == 0


def test_a_million_flows_of_one_byte_evict_the_idlest() -> None:
    seen = flood("byte", 1_000_000, flows=1_000_000, arena_bytes=4 * MIB)
    counts = seen["counts"]
    assert counts["flows"] == seen["tally"]["overs"] == seen["tally"]["bytes"] == 1_000_000  # nobody's byte is lost
    assert counts["evicted"] + seen["live"] == 1_000_000
    assert counts["refused"] == seen["left_bytes"] == 0
    assert seen["peak_bytes"] <= 4 * MIB


def test_a_hundred_thousand_idle_flows_are_thirteen_mebibytes() -> None:
    seen = flood("ack", 1, flows=100_000)
    assert seen["live"] == 100_000
    assert seen["used_bytes"] < 14 * MIB
    assert seen["left_bytes"] == 0


def test_a_flood_of_syns_does_not_touch_flows() -> None:
    recorder = FlowRecorder()
    turns = [(0, b"ask" * 20), (1, b"answer" * 20)]
    packets = conversation(turns)
    play(recorder, packets[:8])
    for i in range(20_000):
        recorder.segment((i + 1000, 1), ENDS[1], i, flags=SYN, time_ns=8 * MS)
    play(recorder, packets[8:])
    recorder.close()
    assert [bytes_of(recorder, side) for side in range(2)] == [turns[0][1], turns[1][1]]
    assert recorder.counts["gaps"] == recorder.counts["evicted"] == 0


# ---- room -------------------------------------------------------------------------------------------------------


def open_flows(recorder: FlowRecorder, clients, time_ns=0) -> None:
    for client in clients:
        for p in conversation([(0, b"x")], finish=False):
            ends = ((client, 1000), ENDS[1])
            recorder.segment(ends[p.side], ends[1 - p.side], p.seq, p.ack, flags=p.flags, data=p.data, time_ns=time_ns)


def test_the_flow_longest_without_a_packet_makes_room() -> None:
    recorder = FlowRecorder(flows_max=3)
    open_flows(recorder, [1, 2, 3])
    recorder.segment((1, 1000), ENDS[1], 1002, 5001, data=b"y")
    open_flows(recorder, [4])
    assert [event[:4] for event in recorder.events if event[2] == "over"] == [(2, -1, "over", "evicted")]
    open_flows(recorder, [5])
    assert [event[0] for event in recorder.events if event[2] == "over"] == [2, 3]
    assert (recorder.live, recorder.counts["evicted"]) == (3, 2)


def test_idle_flows_end() -> None:
    recorder = FlowRecorder()
    open_flows(recorder, range(200))
    open_flows(recorder, [1000], time_ns=200 * S)
    recorder.tick(299 * S)
    assert recorder.live == 201
    ended = []
    for _ in range(5):  # a bounded number each time
        before = recorder.live
        recorder.tick(300 * S)
        ended.append(before - recorder.live)
    assert recorder.live == 1
    assert max(ended) < 100
    assert {event[3] for event in recorder.events if event[2] == "over"} == {"idle"}


def test_a_clock_set_back_ends_no_flow_and_keeps_none_for_ever() -> None:
    recorder = FlowRecorder()
    open_flows(recorder, [1], time_ns=10_000 * S)
    recorder.tick(5 * S)
    recorder.tick(300 * S)
    assert recorder.live == 1
    recorder.tick(306 * S)
    assert recorder.live == 0


def test_windows_that_run_out_are_seen_in_bounded_ticks() -> None:
    recorder = FlowRecorder()
    open_flows(recorder, range(500))
    for client in range(500):
        recorder.segment((client, 1000), ENDS[1], 1102, 5001, data=b"y", time_ns=MS)
        recorder.segment(ENDS[1], (client, 1000), 5001, 1103, time_ns=MS)
    found = []
    for _ in range(10):
        before = recorder.counts["gaps"]
        recorder.tick(201 * MS)
        found.append(recorder.counts["gaps"] - before)
    assert sum(found) == 500
    assert max(found) <= 64


# ---- sampling ---------------------------------------------------------------------------------------------------


def test_one_flow_in_so_many_is_followed() -> None:
    recorder = FlowRecorder(flows_max=5000, sample=10)
    open_flows(recorder, range(3000))
    followed, left_out = recorder.counts["flows"], recorder.counts["sampled_out"]
    assert followed + left_out == 3000
    assert 180 < followed < 420  # 300, more than seven standard deviations around it
    heard = sum(event[2] == "data" for event in recorder.events)
    assert heard == followed
    recorder.set_sample(1)
    open_flows(recorder, range(5000, 5010))
    assert recorder.counts["flows"] == followed + 10


def test_a_flow_that_is_followed_stays_followed() -> None:
    recorder = FlowRecorder()
    open_flows(recorder, range(50))
    recorder.set_sample(1_000_000)
    for client in range(50):
        recorder.segment((client, 1000), ENDS[1], 1002, 5001, data=b"y")
    assert sum(event[2] == "data" for event in recorder.events) == 100
