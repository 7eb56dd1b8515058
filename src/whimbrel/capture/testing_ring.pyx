"""A ring as Python objects.  For tests and measurements; nothing of the product imports this."""

from libc.stdint cimport int64_t, uint64_t
from whimbrel.base.clock cimport precise_ns
from whimbrel.capture.packet cimport Packet
from whimbrel.capture.ring cimport Ring


def read(Ring ring, int timeout_ms, int most=1000000) -> list[tuple[bytes, int, int, int]]:
    """(bytes, length on the wire, time in ns, link type) of what comes until nothing came for `timeout_ms`."""
    cdef Packet p
    found = []
    while len(found) < most:
        if ring.next(&p):
            found.append((p.data[:p.len], p.wire_len, p.time_ns, p.link))
        elif ring.wait(timeout_ms) == 0:
            break
    return found


def measure(Ring ring, int timeout_ms, uint64_t most) -> tuple[int, int, int, int]:
    """(packets, bytes, ns spent reading, ns in all) without looking at more than a byte a packet."""
    cdef Packet p
    cdef uint64_t packets = 0, size = 0, seen = 0
    cdef int64_t began = precise_ns(), reading = 0, at
    with nogil:
        while packets < most:
            at = precise_ns()
            while ring.next(&p):
                packets += 1
                size += p.len
                seen += p.data[0]
            reading += precise_ns() - at
            if ring.wait(timeout_ms) == 0:
                break
    return packets, size, reading, precise_ns() - began


def totals(Ring ring) -> tuple[int, int]:
    cdef uint64_t packets = 0, drops = 0
    ring.totals(&packets, &drops)
    return packets, drops


def look_again(Ring ring) -> None:
    """Look for interfaces that went away now, not when it is time to."""
    ring.looked_ns = 0
    ring.wait(0)


def next_of(Ring ring, int waits) -> bytes | None:
    """The next packet, or None after so many looks."""
    cdef Packet p
    cdef int tries
    for tries in range(waits + 1):
        if ring.next(&p):
            return p.data[:p.len]
        if tries < waits:
            ring.wait(25)
    return None
