"""The measuring loop sees what the reading one sees."""

import socket

from tests.capture.live import QUIET_MS, RING_BYTES, needs_capture, talk
from whimbrel.capture import testing_ring
from whimbrel.capture.filter import compile_filter
from whimbrel.capture.ring import Ring


@needs_capture
def test_both_loops_see_the_same() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        program = compile_filter(f"tcp port {listener.getsockname()[1]}", 1)
        rings = Ring(["lo"], program, RING_BYTES), Ring(["lo"], program, RING_BYTES)
        for _ in range(3):
            talk(listener, socket.socket(), [(100, 20000)])
        seen = testing_ring.read(rings[0], QUIET_MS)
        packets, size, reading_ns, all_ns = testing_ring.measure(rings[1], QUIET_MS, 1 << 40)
    assert (packets, size) == (len(seen), sum(len(frame) for frame, _, _, _ in seen))
    assert 0 < reading_ns < all_ns
    assert testing_ring.totals(rings[0]) == testing_ring.totals(rings[1]) == (packets, 0)
    for ring in rings:
        ring.close()
