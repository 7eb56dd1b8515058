# A conversation in HTTP/1: bytes and gaps of both halves -> messages -> calls.

from libc.stdint cimport int64_t, uint8_t, uint64_t
from whimbrel.agent.talk cimport Conversation

cdef void http_data(Conversation* c, int role, const uint8_t* data, size_t n, int64_t now) noexcept nogil
cdef void http_gap(Conversation* c, int role, uint64_t n, int64_t now) noexcept nogil
cdef void http_fin(Conversation* c, int role, int64_t now) noexcept nogil       # this half's sender closed it
cdef void http_over(Conversation* c, int64_t now) noexcept nogil
