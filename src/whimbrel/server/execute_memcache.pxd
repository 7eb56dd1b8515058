# Memcache requests against the store: see session.pxd for what an executor promises.

from libc.stdint cimport uint8_t
from whimbrel.server.session cimport Conn, Context, Outcome

cdef Outcome execute_memcache(
    Context* x, Conn* c, const uint8_t* data, size_t n, size_t* consumed, size_t* need
) noexcept nogil
cdef void memcache_close(Context* x, Conn* c) noexcept nogil    # nothing hangs on a Conn: it only forgets
