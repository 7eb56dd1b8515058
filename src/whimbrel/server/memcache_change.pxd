# The meta commands that write: ms md ma.  The writer has room for their reply.

from whimbrel.base.buffer cimport Writer
from whimbrel.protocol.memcache.codec cimport McRequest
from whimbrel.server.session cimport Context

cdef void meta_set(Context* x, const McRequest* r, Writer* w) noexcept nogil
cdef void meta_delete(Context* x, const McRequest* r, Writer* w) noexcept nogil
cdef void meta_arithmetic(Context* x, const McRequest* r, Writer* w) noexcept nogil
