# Who called whom, in a window: one entry a (client, server, port, protocol), of HTTP also by host, of TLS also by
# version, name and ALPN.

from libc.stdint cimport uint8_t
from whimbrel.base.slice cimport Slice
from whimbrel.summary.window cimport Edge, WindowData

cdef bint edges_init(WindowData* w) noexcept nogil
cdef void edges_free(WindowData* w) noexcept nogil
cdef void edge_key(Edge* out, const uint8_t* client, const uint8_t* server, int port, uint8_t protocol) noexcept nogil
cdef Edge* edge_of(WindowData* w, const Edge* key) noexcept nogil  # NULL: WINDOW_EDGES or no memory; counted
cdef void edges_clear(WindowData* w) noexcept nogil
cdef uint8_t alpn_number(Slice name) noexcept nogil                # as in Edge.alpn
