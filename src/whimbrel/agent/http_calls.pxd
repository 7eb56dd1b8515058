# HTTP: heads and the ends of messages -> calls.

from libc.stdint cimport int64_t, uint32_t
from whimbrel.agent.talk cimport Conversation
from whimbrel.protocol.http1.messages cimport H1Head

cdef void request_begins(Conversation* c, const H1Head* head, int64_t first_ns, int64_t now) noexcept nogil
cdef void response_begins(Conversation* c, const H1Head* head, int64_t first_ns, int64_t now) noexcept nogil
cdef void malformed_request(Conversation* c, int64_t first_ns, int64_t now) noexcept nogil
cdef void bare_response(Conversation* c, int64_t now) noexcept nogil    # HTTP/0.9: a body without a head
cdef void message_ends(Conversation* c, int role, bint whole, uint32_t flags, int64_t now) noexcept nogil
