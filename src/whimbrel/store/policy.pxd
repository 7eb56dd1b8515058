# What an eviction policy decides; evict.pyx does the work.
#
# A policy sees two queues of segments, each in the order they were opened, and says four things.

from libc.stdint cimport uint32_t, uint64_t
from whimbrel.store.item cimport Item
from whimbrel.store.layout cimport Store


cdef enum:
    JUDGE_DROP = -1                 # any other verdict: queue << 3 | the frequency the item keeps


cdef struct Policy:
    int (*admit)(Store* s, uint64_t hash) noexcept nogil                # the queue of a key that is not there
    int (*victim)(Store* s) noexcept nogil                              # the queue to take the oldest segment from
    int (*judge)(Store* s, int queue, uint64_t slot, const Item* it) noexcept nogil
    void (*dropped)(Store* s, int queue, uint64_t hash, const Item* it) noexcept nogil
    void (*emptied)(Store* s) noexcept nogil                            # a victim has been walked to its end


cdef const Policy* policy_of(const Store* s) noexcept nogil
