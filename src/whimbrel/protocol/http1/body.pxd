# A body's walk; see codec.pxd.

from libc.stdint cimport uint8_t, uint64_t
from whimbrel.base.slice cimport Slice
from whimbrel.protocol.http1.messages cimport H1Body, H1Head, H1Status

cdef void h1_body_begin(H1Body* b, const H1Head* head) noexcept nogil
cdef H1Status h1_body_next(H1Body* b, const uint8_t* data, size_t n, Slice* piece, size_t* consumed) noexcept nogil
cdef bint h1_body_skip(H1Body* b, uint64_t missing) noexcept nogil
cdef bint h1_body_close(const H1Body* b) noexcept nogil
