# A conversation in RESP: bytes and gaps of both halves -> requests and replies (resp_calls makes calls of them).

from libc.stdint cimport int64_t, uint8_t, uint64_t
from whimbrel.agent.talk cimport Conversation

cdef void resp_data(Conversation* c, int role, const uint8_t* data, size_t n, int64_t now) noexcept nogil
cdef void resp_gap(Conversation* c, int role, uint64_t n, int64_t now) noexcept nogil
cdef void resp_over(Conversation* c, int64_t now) noexcept nogil
