"""Order: whatever the packets' order in the capture, the consumer is told what the ends said, as they said it."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.capture.flowmodel import ENDS, Sent, bytes_of, conversation, play, told
from whimbrel.capture.testing_flow import FlowRecorder

PACKETS_APART = 16
turns_strategy = st.lists(st.tuples(st.integers(0, 1), st.binary(min_size=1, max_size=60)), min_size=1, max_size=12)
seeds = st.integers(0, 2**32).map(random.Random)
starts = st.one_of(st.integers(0, 0xFFFFFFFF), st.integers(0xFFFFFF80, 0xFFFFFFFF))


def joined(turns):
    """Turns as `told` would show them."""
    found: list[tuple[int, str, bytes]] = []
    for side, data in turns:
        if found and found[-1][0] == side:
            found[-1] = (side, "data", found[-1][2] + data)
        else:
            found.append((side, "data", data))
    return found


def shuffled(packets, rng: random.Random):
    """No packet more than PACKETS_APART - 1 places from its own, the first at its own: a FIN is no news of no flow."""
    order = sorted(range(len(packets)), key=lambda i: i and i + rng.random() * (PACKETS_APART - 1))
    assert all(abs(i - place) < PACKETS_APART for place, i in enumerate(order))
    return [packets[i] for i in order]


def disturbed(packets, rng: random.Random):
    """Some packets again, cut otherwise or joined with what was sent before; all bytes true."""
    out = []
    for i, p in enumerate(packets):
        out.append(p)
        if p.data and rng.random() < 0.3:
            earlier = next((q for q in reversed(packets[max(0, i - 3) : i]) if q.side == p.side and q.data), None)
            if earlier is not None and rng.random() < 0.5 and (earlier.seq + len(earlier.data) - p.seq) % 2**32 == 0:
                cut = rng.randrange(len(earlier.data))
                joint = earlier.data[cut:] + p.data
                out.append(Sent(p.side, earlier.seq + cut, p.ack, 0, joint[: rng.randrange(1, len(joint) + 1)]))
            else:
                a = rng.randrange(len(p.data))
                out.append(Sent(p.side, p.seq + a, p.ack, 0, p.data[a : rng.randrange(a, len(p.data)) + 1]))
        elif rng.random() < 0.1:
            out.append(p)
    return out


def closed(recorder: FlowRecorder) -> FlowRecorder:
    recorder.close()
    assert recorder.live == 0
    assert recorder.used_bytes == 0
    return recorder


@settings(max_examples=100, deadline=None)
@given(turns_strategy, starts, starts, seeds)
def test_any_order_within_the_window_tells_the_same(turns, isn0, isn1, rng):
    packets = conversation(turns, (isn0, isn1))
    recorder = closed(play(FlowRecorder(), shuffled(disturbed(packets, rng), rng)))
    heard = [event for event in told(recorder) if event[1] == "data"]
    assert heard == joined(turns)
    assert {event[0] for event in recorder.events} == {1}  # nothing came of what was late
    kinds = [event[1] for event in told(recorder)]
    assert "gap" not in kinds
    assert kinds.count("half") == 2
    assert told(recorder)[-1] == (-1, "over", "fin")
    assert recorder.ends[1] == (*ENDS, 0, True)
    assert recorder.counts["gaps"] == recorder.counts["overlaps_differ"] == recorder.counts["implausible"] == 0


@settings(max_examples=100, deadline=None)
@given(turns_strategy, starts, starts, st.booleans(), seeds)
def test_a_flow_joined_midway_starts_at_its_lowest_byte(turns, isn0, isn1, finish, rng):
    packets = conversation(turns, (isn0, isn1), handshake=False, finish=finish)
    recorder = closed(play(FlowRecorder(), shuffled(packets, rng)))
    heard = [event for event in told(recorder) if event[1] == "data"]
    mirrored = [(1 - side, kind, data) for side, kind, data in heard]
    assert joined(turns) in (heard, mirrored)  # the first packet's source is taken for the client
    assert recorder.counts["gaps"] == 0
    assert not recorder.ends[1][3]


@settings(max_examples=100, deadline=None)
@given(turns_strategy, starts, st.data())
def test_one_lost_packet_is_one_gap_of_its_size(turns, isn0, data):
    packets = conversation(turns, (isn0, 77))
    with_data = [i for i, p in enumerate(packets) if p.data]
    lost = packets[data.draw(st.sampled_from(with_data))]
    rng = data.draw(seeds)
    kept = [p for p in packets if p is not lost]
    recorder = closed(play(FlowRecorder(), shuffled(kept, rng) if data.draw(st.booleans()) else kept))
    wanted = [b"".join(d for s, d in turns if s == side) for side in range(2)]
    at = (lost.seq - packets[lost.side].seq - 1) % 2**32
    wanted[lost.side] = wanted[lost.side][:at] + bytes(len(lost.data)) + wanted[lost.side][at + len(lost.data) :]
    assert [bytes_of(recorder, side) for side in range(2)] == wanted
    gaps = [(side, n) for _, side, kind, n, _ in recorder.events if kind == "gap"]
    assert gaps == [(lost.side, len(lost.data))]
    assert recorder.counts["gap_bytes"] == len(lost.data)


@settings(max_examples=100, deadline=None)
@given(turns_strategy, st.integers(0, 1), seeds)
def test_one_direction_alone_is_told_in_order_with_the_others_gaps(turns, side, rng):
    packets = [p for p in conversation(turns, finish=False) if p.side == side]
    recorder = closed(play(FlowRecorder(), shuffled(packets, rng)))
    own = recorder.ends[1][0] == ENDS[side] if recorder.ends else True
    assert bytes_of(recorder, 0 if own else 1) == b"".join(data for its, data in turns if its == side)


@settings(max_examples=150, deadline=None)
@given(turns_strategy, starts, starts, st.data(), st.booleans())
def test_whatever_is_lost_is_a_gap_where_it_was(turns, isn0, isn1, data, ticks):
    packets = conversation(turns, (isn0, isn1))
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    lost = [p for p in packets if p.data and rng.random() < 0.3]
    kept = [p for p in packets if p not in lost]
    recorder = FlowRecorder()
    for p in shuffled(kept, rng):
        play(recorder, [p])
        if ticks:
            recorder.tick(p.time_ns)
    closed(recorder)
    wanted = [bytearray(b"".join(d for s, d in turns if s == side)) for side in range(2)]
    for p in lost:
        at = (p.seq - (isn0, isn1)[p.side] - 1) % 2**32
        wanted[p.side][at : at + len(p.data)] = bytes(len(p.data))
    assert [bytes_of(recorder, side) for side in range(2)] == wanted
    assert recorder.counts["gap_bytes"] == sum(len(p.data) for p in lost)


@settings(max_examples=100, deadline=None)
@given(turns_strategy, st.integers(0, 2**32))
def test_after_a_loss_order_is_causal_still(turns, seed):
    """What one side said after it had heard the other is told after that, losses or not."""
    packets = conversation(turns)
    rng = random.Random(seed)
    kept = [p for p in packets if not p.data or rng.random() > 0.2]
    recorder = closed(play(FlowRecorder(), shuffled(kept, rng)))
    reached = [0, 0]  # bytes told of each side, gaps included
    sent = {(p.side, p.seq - packets[p.side].seq - 1): p for p in kept if p.data}
    for number, side, kind, value, _ in recorder.events:
        assert number == 1
        if kind == "data":
            packet = sent[side, reached[side]]
            assert packet.data == value
            assert reached[1 - side] >= (packet.ack or 0) - packets[1 - side].seq - 1
        if kind in ("data", "gap"):
            reached[side] += len(value) if kind == "data" else value
