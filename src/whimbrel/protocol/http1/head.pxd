# Start lines and whole heads; see codec.pxd.

from libc.stdint cimport uint8_t
from whimbrel.protocol.http1.messages cimport H1Head, H1Method, H1Status

cdef H1Status h1_parse_request(const uint8_t* data, size_t n, H1Head* out, size_t* consumed) noexcept nogil
cdef H1Status h1_parse_response(
    H1Method request, const uint8_t* data, size_t n, H1Head* out, size_t* consumed) noexcept nogil
cdef bint h1_head_may_be_whole(const uint8_t* data, size_t n, size_t seen) noexcept nogil
cdef H1Status read_request_line(const uint8_t* p, const uint8_t* end, H1Head* out) noexcept nogil
cdef H1Status read_status_line(const uint8_t* p, const uint8_t* end, H1Head* out) noexcept nogil
