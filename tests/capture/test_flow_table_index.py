"""Records are found by both their ends, whoever sends, however many share a chain."""

import random

from tests.capture.flowmodel import ENDS
from whimbrel.capture.testing_flow import FlowRecorder

SERVER = ENDS[1]


def test_many_flows_on_few_chains_are_told_apart() -> None:
    recorder = FlowRecorder(flows_max=2000)
    clients = [(address, port) for address in range(40) for port in range(1000, 1040)]
    order = [(client, side) for client in clients for side in range(2)]
    random.Random(5).shuffle(order)
    for (address, port), side in order:
        ends = ((address, port), SERVER)
        recorder.segment(ends[side], ends[1 - side], 100, 100, data=f"{address} {port} {side}".encode())
    assert recorder.live == len(clients)
    recorder.close()
    for number, side, kind, value, _ in recorder.events:
        if kind == "data":
            speaker = recorder.ends[number][side]
            address, port, server = map(int, value.split())
            assert speaker == (SERVER if server else (address, port))
    assert sum(event[2] == "data" for event in recorder.events) == 2 * len(clients)


def test_flows_leave_their_chains_in_any_order() -> None:
    rng = random.Random(6)
    recorder = FlowRecorder(flows_max=3)
    for step in range(2000):
        recorder.segment((rng.randrange(6), 1), SERVER, step, data=b"x", flags=rng.choice((0, 0, 1, 4)))
        assert recorder.live <= 3
    recorder.close()
    assert (recorder.live, recorder.used_bytes) == (0, 0)
