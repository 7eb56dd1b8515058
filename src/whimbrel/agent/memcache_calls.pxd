# memcache: a request -> what its call needs to know of it; which request a reply line answers, and what it says.

from libc.stdint cimport int64_t, uint32_t, uint64_t
from whimbrel.agent.talk cimport Conversation, Pending
from whimbrel.protocol.memcache.codec cimport McRequest, McResponse

# NULL: no room, counted
cdef Pending* mc_pending(Conversation* c, const McRequest* r, int64_t first_ns, int64_t now) noexcept nogil
cdef void mc_more_keys(Conversation* c, Pending* p, const McRequest* r) noexcept nogil      # a line in pieces goes on

# a reply's line; `length`: of the data block behind it, if there is one
cdef void mc_line(Conversation* c, const McResponse* a, uint64_t length, int64_t now) noexcept nogil
cdef void mc_reply_ends(Conversation* c, uint32_t flags, int64_t now) noexcept nogil
