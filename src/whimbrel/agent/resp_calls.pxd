# RESP: a request -> what its call needs to know of it; a reply, element by element -> outcomes.

from libc.stdint cimport int64_t, uint32_t
from whimbrel.agent.resp_skim cimport ArgWalk
from whimbrel.agent.talk cimport Conversation, Pending

# NULL: no room, counted
cdef Pending* resp_pending(
    Conversation* c, ArgWalk* walk, uint32_t argc, int64_t first_ns, int64_t now
) noexcept nogil
cdef void resp_element(Conversation* c) noexcept nogil          # the skim found one
cdef void resp_reply_ends(Conversation* c, int64_t now) noexcept nogil

# the transaction ended: its commands' calls; outcome < 0: each has its own
cdef void resp_queued_over(Conversation* c, int outcome, uint32_t flags, int64_t now) noexcept nogil
cdef void resp_doubt_queued(Conversation* c) noexcept nogil     # requests were lost, EXEC may be one of them
