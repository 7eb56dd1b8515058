# The meta commands mg ms md ma me: flags in the order they were sent, replies composed in place.
#
# Each returns whether it was executed; False means there was no room for the reply and nothing happened.

from whimbrel.protocol.memcache.codec cimport McRequest
from whimbrel.server.session cimport Conn, Context

cdef bint execute_meta(Context* x, Conn* c, const McRequest* r) noexcept nogil
