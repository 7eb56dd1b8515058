# Header lines: where one ends, its name and its value, and what the codec itself wants to know of them.

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from whimbrel.base.slice cimport Slice
from whimbrel.protocol.http1.messages cimport H1Head, H1Status

cdef struct Fields:                 # what framing is decided by, collected line by line
    bint host_given                 # by the target, which a Host line does not change
    bint host_seen
    bint type_seen
    bint length_seen
    bint transfer_seen              # a Transfer-Encoding other than identity
    bint chunked_last
    bint close
    bint keep
    uint64_t length

cdef H1Status read_headers(const uint8_t* p, const uint8_t* end, H1Head* out, Fields* f, size_t* used) noexcept nogil
cdef bint h1_next_header(Slice* rest, Slice* name, Slice* value) noexcept nogil
