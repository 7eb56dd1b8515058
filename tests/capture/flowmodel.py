"""Conversations of two ends as packets, for the tests of the flow table.

A conversation is a list of turns (side, bytes).  It is sent in segments, each acknowledging all that came before it,
so the order in which bytes were sent is known: `said` is that order, and what is delivered has to respect it wherever
one end spoke after it had heard the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from whimbrel.capture.testing_flow import ACK, FIN, SYN, FlowRecorder

ENDS = ((0x0A000001, 40000), (0x0A000002, 80))
MS = 1_000_000


@dataclass(frozen=True)
class Sent:
    side: int
    seq: int
    ack: int | None
    flags: int = 0
    data: bytes = b""
    time_ns: int = 0


def conversation(
    turns: Sequence[tuple[int, bytes]],
    isn: tuple[int, int] = (1000, 5000),
    segment: int = 10,
    handshake: bool = True,
    finish: bool = True,
) -> list[Sent]:
    """The packets, in the order in which they were sent."""
    packets: list[Sent] = []
    nexts = [isn[0] + 1, isn[1] + 1]
    if handshake:
        packets += [
            Sent(0, isn[0], None, SYN),
            Sent(1, isn[1], isn[0] + 1, SYN),
            Sent(0, isn[0] + 1, isn[1] + 1),
        ]
    for side, data in turns:
        for at in range(0, len(data), segment):
            piece = data[at : at + segment]
            packets.append(Sent(side, nexts[side], nexts[1 - side], 0, piece))
            nexts[side] += len(piece)
    if finish:
        packets.append(Sent(0, nexts[0], nexts[1], FIN))
        packets.append(Sent(1, nexts[1], nexts[0] + 1, FIN))
        packets.append(Sent(0, nexts[0] + 1, nexts[1] + 1))
    return [replace(packet, time_ns=i * MS) for i, packet in enumerate(packets)]


def play(recorder: FlowRecorder, packets: Sequence[Sent], ends: tuple = ENDS) -> FlowRecorder:
    for p in packets:
        recorder.segment(
            ends[p.side], ends[1 - p.side], p.seq, p.ack, flags=p.flags & ~ACK, data=p.data, time_ns=p.time_ns
        )
    return recorder


def told(recorder: FlowRecorder, flow: int = 1) -> list[tuple[int, str, object]]:
    """What was told of a flow, (side, kind, value), runs of data of one side joined."""
    found: list[tuple[int, str, object]] = []
    for number, side, kind, value, _ in recorder.events:
        if number != flow:
            continue
        if kind == "data" and found and found[-1][:2] == (side, "data"):
            found[-1] = (side, "data", found[-1][2] + value)
        else:
            found.append((side, kind, value))
    return found


def bytes_of(recorder: FlowRecorder, side: int, flow: int = 1) -> bytes:
    """One side's data, gaps as zero bytes."""
    parts = [
        value if kind == "data" else bytes(value)
        for number, its, kind, value, _ in recorder.events
        if number == flow and its == side and kind in ("data", "gap")
    ]
    return b"".join(parts)
