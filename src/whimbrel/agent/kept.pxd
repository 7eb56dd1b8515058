# Bytes of a half that its codec wants to see whole: a head, a line.  In the arena, at most PARTIAL_MAX.

from libc.stdint cimport int64_t, uint8_t
from whimbrel.agent.talk cimport Conversation, Half

# False: no memory or too much of it; the half keeps nothing then, the message is counted as lost
cdef bint keep(Conversation* c, Half* half, const uint8_t* data, size_t n, int64_t now) noexcept nogil
cdef void keep_nothing(Conversation* c, Half* half) noexcept nogil
cdef void keep_from(Conversation* c, Half* half, size_t consumed) noexcept nogil      # drops kept's first bytes
