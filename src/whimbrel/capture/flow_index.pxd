# Where a flow's record is found: chains on an array of heads, by a keyed hash of both ends; and who was idle longest.
#
#     heads[hash & mask] -> record -> record        `chain`, whichever end sends
#     oldest <-> record <-> record <-> newest       `older`, `newer`: by their last packet

from libc.stdint cimport uint32_t
from libc.string cimport memcmp
from whimbrel.capture.decode cimport Endpoint, Segment
from whimbrel.capture.flow cimport FlowTable
from whimbrel.capture.flow_state cimport Record

cdef struct Key:                    # both ends, the lower first; hashed as bytes, there is no padding
    Endpoint low
    Endpoint high
    uint32_t network

# Which end the source is: 0 the low one, 1 the high one.
cdef int make_key(const Endpoint* src, const Endpoint* dst, uint32_t network, Key* key) noexcept nogil
cdef Record* index_find(FlowTable* t, const Segment* s, uint32_t hash, int* side) noexcept nogil   # side: the sender's
cdef void index_add(FlowTable* t, Record* r) noexcept nogil             # by its hash; as the newest
cdef void index_remove(FlowTable* t, Record* r) noexcept nogil
cdef void index_renew(FlowTable* t, Record* r) noexcept nogil           # a packet of it came


cdef inline bint same_end(const Endpoint* a, const Endpoint* b) noexcept nogil:
    return memcmp(a, b, sizeof(Endpoint)) == 0
