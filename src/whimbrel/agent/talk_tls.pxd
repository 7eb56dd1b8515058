# A TLS handshake: what its two hellos say in the clear, told once.  What follows is opaque.

from libc.stdint cimport int64_t, uint8_t
from whimbrel.agent.talk cimport Conversation

cdef void tls_data(Conversation* c, int role, const uint8_t* data, size_t n, int64_t now) noexcept nogil
cdef void tls_over(Conversation* c) noexcept nogil              # tells what was heard so far
