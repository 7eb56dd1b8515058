# Live capture: the rings of several interfaces read as one source of packets.
#
#     ring.next(&p) ... until False;  ring.wait(timeout);  again
#
# Packets come in the order of their times, whatever interface they passed: two directions of a flow may pass two of
# them, and a packet that passes two (a bridge's ports, both ends of a veth pair) comes twice in a row.  A block of
# another interface may still be filling and hold an earlier packet, so a packet waits until it is RING_HOLD_MS old
# or every interface has one to compare with; unless the ring fills up: rather out of order than lost.
#
# To stop without losing what was captured: wait(2 * RING_HOLD_MS) and next() until wait says 0.
# One thread uses a ring at a time.

from libc.stdint cimport int64_t, uint64_t
from whimbrel.capture.bpf cimport Filter
from whimbrel.capture.face cimport Face
from whimbrel.capture.packet cimport Packet

cdef enum:
    RING_FACES_MAX = 64             # interfaces: who wants more takes `any`, one ring for all
    RING_LOOK_NS = 1000000000       # between two looks after interfaces that went down or away
    RING_HOLD_MS = 40               # twice RING_BLOCK_MS: the kernel's timer may count in ticks of 10 ms
    RING_STEP_MS = 10               # between two looks at packets that wait, unless a block comes
    RING_REFUSED_MAX = 16384        # packets in a row that our own filter refuses: say False, so that time goes on

cdef class Ring:
    cdef Face* faces
    cdef int count
    cdef int epoll_fd
    cdef Face* current              # whose packet was lent last; NULL: none
    cdef int64_t until_ns           # up to this time its packets are the next ones
    cdef bint holding               # there are packets, but one before them may come
    cdef int64_t looked_ns          # when interfaces that went down were last looked after
    cdef list checks                # filters that the kernel cannot run for us, kept for the faces
    cdef readonly size_t memory_bytes   # of all rings: what is taken of ring_bytes

    cdef bint next(self, Packet* p) noexcept nogil          # False: nothing now; borrowed until next or wait
    cdef int wait(self, int timeout_ms) noexcept nogil      # 1: look again; 0 after the timeout or a signal
    cdef void totals(self, uint64_t* packets, uint64_t* drops) noexcept nogil

    cdef int check(self, Face* f, Filter program) except -1
    cdef Face* choose(self) noexcept nogil
    cdef void look(self) noexcept nogil
    cdef void shut(self) noexcept nogil
