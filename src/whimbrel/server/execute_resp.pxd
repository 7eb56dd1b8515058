# RESP requests against the store: see session.pxd for what an executor promises.

from libc.stdint cimport uint8_t
from whimbrel.server.session cimport Conn, Context, Outcome

cdef enum:
    RESP_REQUEST_MIN = 8 * 1024 * 1024  # bytes one request may have where --max-item does not ask for more
    RESP_REQUEST_EXTRA = 64 * 1024      # beyond the largest value: command, key, options

cdef Outcome execute_resp(
    Context* x, Conn* c, const uint8_t* data, size_t n, size_t* consumed, size_t* need
) noexcept nogil
cdef void resp_close(Context* x, Conn* c) noexcept nogil            # frees Conn.resp

# A connection's own words for CLIENT LIST, from any thread: NUL-terminated, perhaps outdated, never dangling.
cdef struct ClientWords:
    char name[64]
    char lib_name[48]
    char lib_version[24]
    int multi                           # commands queued; -1: not in a transaction
    int watching

cdef void resp_client_words(const Conn* c, ClientWords* words) noexcept nogil
