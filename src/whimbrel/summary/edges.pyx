"""The edges of the window: an array, and a table of places in it.

All names of one client at one server lie in a row of the table, since names are not hashed: so they can be counted on
the way, and whoever sends a new host with every call makes WINDOW_EDGE_NAMES edges, not WINDOW_EDGES of them.  (Names
of TLS are hashed: each costs a handshake.)  A second table finds a client's first edge, which stands for the client.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset
from whimbrel.base.arena cimport arena_alloc_zero, arena_free, arena_grow
from whimbrel.base.hash cimport hash_bytes
from whimbrel.base.slice cimport Slice
from whimbrel.summary.call cimport CALL_HTTP
from whimbrel.summary.window cimport WINDOW_EDGES, WINDOW_EDGE_NAMES, Edge, WindowData

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


cdef inline size_t pair_bytes(const Edge* e) noexcept nogil:
    """The fields before `name`, which is the rest of the key."""
    return <size_t> (<const char*> &e.name - <const char*> e)


cdef inline uint64_t hash_of(const WindowData* w, const Edge* key) noexcept nogil:
    cdef size_t n = pair_bytes(key)
    return hash_bytes(<const uint8_t*> key, n if key.protocol == CALL_HTTP else n + sizeof(key.name), w.seed)


cdef bint edges_init(WindowData* w) noexcept nogil:
    w.edge_slots = <uint16_t*> arena_alloc_zero(w.arena, 2 * SLOTS * sizeof(uint16_t))
    w.caller_slots = w.edge_slots + SLOTS
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
    w.edges[w.edges_used - 1].caller = caller_of(w, key.client)
    return &w.edges[w.edges_used - 1]


cdef uint16_t caller_of(WindowData* w, const uint8_t* client) noexcept nogil:
    """The newest edge's client: of an earlier edge, or met for the first time."""
    cdef uint32_t slot = <uint32_t> hash_bytes(client, 16, w.seed) & (SLOTS - 1)
    while w.caller_slots[slot]:
        if memcmp(w.edges[w.caller_slots[slot] - 1].client, client, 16) == 0:
            return w.caller_slots[slot]
        slot = (slot + 1) & (SLOTS - 1)
    w.caller_slots[slot] = <uint16_t> w.edges_used
    return w.caller_slots[slot]


cdef Edge* edge_unnamed(WindowData* w, const Edge* key) noexcept nogil:
    cdef Edge plain = key[0]
    plain.name = NULL
    w.counts.edges_unnamed += 1
    return edge_of(w, &plain)


cdef Edge* edge_of(WindowData* w, const Edge* key) noexcept nogil:
    cdef uint32_t slot = <uint32_t> hash_of(w, key) & (SLOTS - 1)
    cdef int names = 0
    cdef Edge* e
    while w.edge_slots[slot]:
        e = &w.edges[w.edge_slots[slot] - 1]
        if memcmp(e, key, pair_bytes(key)) == 0:
            if e.name == key.name:
                return e
            names += e.name != NULL
        slot = (slot + 1) & (SLOTS - 1)
    if names >= WINDOW_EDGE_NAMES and key.name != NULL and key.protocol == CALL_HTTP:
        return edge_unnamed(w, key)
    e = edge_new(w, key)
    if e == NULL:
        w.counts.edges_lost += 1
    else:
        w.edge_slots[slot] = <uint16_t> w.edges_used
    return e


cdef void edges_clear(WindowData* w) noexcept nogil:
    memset(w.edge_slots, 0, 2 * SLOTS * sizeof(uint16_t))      # caller_slots too
    arena_free(w.arena, w.edges)
    w.edges = NULL
    w.edges_used = 0
    w.edges_room = 0
