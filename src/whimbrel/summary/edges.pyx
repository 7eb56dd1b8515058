"""The edges of the window: an array, and a table of places in it."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset
from whimbrel.base.arena cimport arena_alloc_zero, arena_free, arena_grow
from whimbrel.base.hash cimport hash_bytes
from whimbrel.base.slice cimport Slice
from whimbrel.summary.window cimport WINDOW_EDGES, Edge, WindowData

from whimbrel.summary.known import ALPN

cdef enum:
    SLOTS = 2 * WINDOW_EDGES
    EDGES_FIRST = 64
    ALPN_MOST = 32
    ALPN_BYTES = 16

cdef char ALPN_NAMES[ALPN_MOST][ALPN_BYTES]
cdef uint8_t ALPN_LENGTHS[ALPN_MOST]
cdef int alpn_count = 0


def _fill():
    global alpn_count
    cdef bytes raw
    for name in ALPN:
        raw = name.encode()
        memcpy(ALPN_NAMES[alpn_count], <const char*> raw, len(raw))
        ALPN_LENGTHS[alpn_count] = len(raw)
        alpn_count += 1


_fill()


cdef uint8_t alpn_number(Slice name) noexcept nogil:
    cdef int i
    if name.len == 0:
        return 0
    for i in range(alpn_count):
        if ALPN_LENGTHS[i] == name.len and memcmp(ALPN_NAMES[i], name.ptr, name.len) == 0:
            return <uint8_t> (i + 1)
    return 255


cdef inline size_t key_bytes(const Edge* e) noexcept nogil:
    """The fields before `calls` are the key."""
    return <size_t> (<const char*> &e.calls - <const char*> e)


cdef bint edges_init(WindowData* w) noexcept nogil:
    w.edge_slots = <uint16_t*> arena_alloc_zero(w.arena, SLOTS * sizeof(uint16_t))
    return w.edge_slots != NULL


cdef void edges_free(WindowData* w) noexcept nogil:
    arena_free(w.arena, w.edge_slots)
    arena_free(w.arena, w.edges)


cdef void edge_key(Edge* out, const uint8_t* client, const uint8_t* server, int port, uint8_t protocol) noexcept nogil:
    memset(out, 0, sizeof(Edge))
    memcpy(out.client, client, 16)
    memcpy(out.server, server, 16)
    out.port = <uint16_t> port
    out.protocol = protocol


cdef Edge* edge_new(WindowData* w, const Edge* key) noexcept nogil:
    cdef uint32_t room = w.edges_room * 2 if w.edges_room else EDGES_FIRST
    cdef void* grown
    if w.edges_used == w.edges_room:
        if room > WINDOW_EDGES:
            return NULL
        grown = arena_grow(w.arena, w.edges, w.edges_used * sizeof(Edge), room * sizeof(Edge))
        if grown == NULL:
            return NULL
        w.edges = <Edge*> grown
        w.edges_room = room
    w.edges[w.edges_used] = key[0]
    w.edges_used += 1
    return &w.edges[w.edges_used - 1]


cdef Edge* edge_of(WindowData* w, const Edge* key) noexcept nogil:
    cdef uint64_t hash = hash_bytes(<const uint8_t*> key, key_bytes(key), w.seed)
    cdef uint32_t slot = <uint32_t> hash & (SLOTS - 1)
    cdef Edge* e
    while w.edge_slots[slot]:
        e = &w.edges[w.edge_slots[slot] - 1]
        if memcmp(e, key, key_bytes(key)) == 0:
            return e
        slot = (slot + 1) & (SLOTS - 1)
    e = edge_new(w, key)
    if e == NULL:
        w.counts.edges_lost += 1
    else:
        w.edge_slots[slot] = <uint16_t> w.edges_used
    return e


cdef void edges_clear(WindowData* w) noexcept nogil:
    memset(w.edge_slots, 0, SLOTS * sizeof(uint16_t))
    arena_free(w.arena, w.edges)
    w.edges = NULL
    w.edges_used = 0
    w.edges_room = 0
