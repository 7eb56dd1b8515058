# Where a side's bytes start: as a SYN said, or at the lowest byte that came, or where the other side acknowledges.

from libc.stdint cimport uint32_t
from whimbrel.capture.flow_state cimport Record, SIDE_BEGUN, Side

# As a SYN said; False: not with what is waiting already, or another start is known.
cdef bint start_at(Record* r, int side, uint32_t seq) noexcept nogil
# Sides without a start get one, where anything is known of it; False: nothing changed.  Something waits.
cdef bint start_where_it_lies(Record* r) noexcept nogil
cdef void start_swap(Record* r) noexcept nogil              # of a flow that has not begun: its client is the other end


cdef inline void begin(Side* side, uint32_t seq) noexcept nogil:
    side.start = seq
    side.next = seq
    side.flags |= SIDE_BEGUN
