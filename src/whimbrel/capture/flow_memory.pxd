# Handshakes that have not become flows yet, and flows that are over: a table of fixed size.
#
# A flood of SYNs costs nothing but this: an entry is 32 bytes, eight share a set that the keyed hash of the two ends
# chooses, and the set's oldest makes room.  An entry of a flow that is over tells its late packets from a new flow's.
#
#     | hash: 8 | start[2]: 8 | end[2]: 8 | time: 4 | what: 1 | has: 1 | client: 1 | |     32 B
#
# Ends are told apart as `low` (0) and `high` (1), by the order of their bytes; the hash stands for both, unverified:
# 64 keyed bits do not collide by accident.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.base.arena cimport Arena

cdef enum:
    MEMORY_SLOTS_MAX = 8192         # 256 KiB
    MEMORY_WAYS = 8
    MEMORY_OVER_MS = 60000          # after that a packet is of a new flow: as long as TIME_WAIT

cdef enum Remembered:
    REMEMBERED_NOTHING = 0
    REMEMBERED_SYN
    REMEMBERED_OVER

cdef struct Trace:
    uint64_t hash
    uint32_t start[2]               # the first byte's sequence number, of the low and the high end
    uint32_t end[2]                 # of a flow that is over: the byte after its last
    uint32_t time_ms
    uint8_t what                    # Remembered
    uint8_t has                     # bit 0: start[0] is known, bit 1: start[1] is
    uint8_t client                  # 0: the low end, 1: the high end

cdef struct Memory:
    Trace* slots                    # owned
    uint32_t sets                   # a power of two

cdef bint memory_init(Memory* m, Arena* arena, uint32_t flows_max) noexcept nogil
cdef void memory_close(Memory* m, Arena* arena) noexcept nogil
cdef Trace* memory_find(Memory* m, uint64_t hash) noexcept nogil
# The trace of this hash, emptied, or a new one; pushed_out: a handshake's trace made room for it.
cdef Trace* memory_make(Memory* m, uint64_t hash, int64_t time_ns, bint* pushed_out) noexcept nogil
cdef void memory_forget(Trace* trace) noexcept nogil                    # NULL is fine
# Whether a segment that `end` sent belongs to the flow that is over.
cdef bint memory_late(const Trace* trace, int end, uint32_t seq, int64_t time_ns) noexcept nogil
