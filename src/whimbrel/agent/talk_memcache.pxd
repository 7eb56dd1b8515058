# A conversation in memcache's text and meta protocol: bytes and gaps of both halves -> requests and reply lines
# (memcache_calls makes calls of them).  Data blocks are counted as they pass.

from libc.stdint cimport int64_t, uint8_t, uint64_t
from whimbrel.agent.talk cimport Conversation

cdef void mc_data(Conversation* c, int role, const uint8_t* data, size_t n, int64_t now) noexcept nogil
cdef void mc_gap(Conversation* c, int role, uint64_t n, int64_t now) noexcept nogil
cdef void mc_over(Conversation* c, int64_t now) noexcept nogil
