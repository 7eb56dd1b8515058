# What happened in ten seconds: per endpoint and status counts, latencies, sizes, clients, shapes; cache traffic by key
# template; who calls whom.  Calls go in without the GIL; at its end Python reads the window out (window.pyi: Window.close).

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.base.arena cimport Arena
from whimbrel.base.buffer cimport Writer
from whimbrel.summary.call cimport Call
from whimbrel.summary.template cimport Node, Templates

cdef enum:
    WINDOW_NS = 10000000000         # 10 s
    WINDOW_ROWS = 4096              # endpoint x status rows; beyond, rare ones are kept by a reservoir and the rest is counted

cdef struct WindowData

cdef WindowData* window_new(Arena* arena, Templates* templates, uint64_t seed) noexcept nogil
cdef void window_free(WindowData* w) noexcept nogil
cdef Node* window_call(WindowData* w, const Call* call) noexcept nogil      # the call's endpoint, for who prints calls
cdef void window_edge(
    WindowData* w, const uint8_t* client, const uint8_t* server, int server_port, uint8_t protocol, uint64_t bytes,
) noexcept nogil
cdef void window_tls(
    WindowData* w, const uint8_t* client, const uint8_t* server, int server_port, int version,
    const uint8_t* name, size_t name_len, const uint8_t* alpn, size_t alpn_len,
) noexcept nogil
