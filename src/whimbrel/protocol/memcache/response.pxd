# Answers: parsed with the request they answer in hand, and composed.

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from whimbrel.base.buffer cimport Writer
from whimbrel.base.slice cimport Slice
from whimbrel.protocol.memcache.messages cimport McRequest, McResponse, McStatus

cdef McStatus mc_parse_response(
    const McRequest* r, const uint8_t* data, size_t n, McResponse* a, size_t* consumed, size_t* need
) noexcept nogil
cdef void mc_compose_response(const McRequest* r, const McResponse* a, Writer* w) noexcept nogil
cdef void mc_put_value_line(Writer* w, Slice key, uint32_t flags, size_t n, bint with_cas, uint64_t cas) noexcept nogil
