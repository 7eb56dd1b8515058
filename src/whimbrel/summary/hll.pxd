# How many distinct things: HyperLogLog, exact-ish while few, 2 KiB when many, merged by taking maxima.
#
#     hash (64 bits)   | index: 11 bits | ........53 bits: rank = leading zeros + 1, at most 31........ |
#
#     sparse   uint16 entries  index << 5 | rank    one an index that was hit, in no order; 64 B to 256 B
#     dense    uint8 registers [2048]               from HLL_SPARSE entries on
#
# p = 11: the standard error is 1.04 / sqrt(2048) = 2.3 %, and far less below 2,000 (linear counting).  Both forms hold
# the same registers, so an estimate does not depend on which it was.  Ranks are cut at 31 (5 bits): that is reached at
# 2^42 distinct things.  A row of the window counts clients with it; most rows have few, so most cost 64 B.

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.base.arena cimport Arena

cdef enum:
    HLL_BITS = 11
    HLL_REGISTERS = 2048
    HLL_SPARSE = 128                # entries, 256 B: they are searched one by one
    HLL_RANK_MAX = 31

cdef struct Hll:                    # zeroed: empty
    void* data                      # uint16 entries, or uint8 registers when dense
    uint16_t used                   # entries while sparse
    uint16_t room
    bint dense
    uint32_t refused                # additions that found no memory: the estimate is a lower bound

cdef void hll_add(Arena* arena, Hll* h, uint64_t hash) noexcept nogil
cdef void hll_merge(Arena* arena, Hll* into, const Hll* other) noexcept nogil
cdef void hll_clear(Arena* arena, Hll* h) noexcept nogil
cdef double hll_estimate(const Hll* h) noexcept nogil
cdef object hll_read(const Hll* h)      # for the batch: words index << 5 | rank of registers that are not 0, ascending
