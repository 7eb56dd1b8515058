# Live capture: the rings of several interfaces read as one source of packets.
#
#     ring.next(&p) ... until False;  ring.wait(timeout);  again
#
# Interfaces are read a block at a time, the one whose block began first before the others, so that a flow whose two
# directions pass two interfaces stays nearly in order.  One thread uses a ring at a time.

from libc.stdint cimport int64_t, uint64_t
from whimbrel.capture.bpf cimport Filter
from whimbrel.capture.face cimport Face
from whimbrel.capture.packet cimport Packet

cdef enum:
    RING_FACES_MAX = 64             # interfaces: who wants more takes `any`, one ring for all
    RING_LOOK_NS = 1000000000       # between two looks after interfaces that went down or away
    RING_BARREN_BLOCKS = 16         # read without a packet that passed our own filter: say False, so that time goes on

cdef class Ring:
    cdef Face* faces
    cdef int count
    cdef int epoll_fd
    cdef Face* current              # whose block is being read; NULL: none
    cdef int64_t looked_ns          # when interfaces that went down were last looked after
    cdef list checks                # filters that the kernel cannot run for us, kept for the faces
    cdef readonly size_t memory_bytes   # of all rings: what is taken of ring_bytes

    cdef bint next(self, Packet* p) noexcept nogil          # False: nothing now; borrowed until the next call
    cdef int wait(self, int timeout_ms) noexcept nogil      # how many have something; 0 after the timeout or a signal
    cdef void totals(self, uint64_t* packets, uint64_t* drops) noexcept nogil

    cdef void check(self, Face* f, Filter program) noexcept
    cdef Face* oldest(self) noexcept nogil
    cdef void look(self) noexcept nogil
    cdef void shut(self) noexcept nogil
