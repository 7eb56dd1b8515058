"""Calls into rows; see window.pxd for what is kept, readout.pyx for what leaves.

window_call costs one walk down the trie, one row and one edge, all found by hash, and the merging of shapes.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy
from whimbrel.base.arena cimport Arena, arena_alloc_zero, arena_free, arena_pressure
from whimbrel.base.hash cimport hash_bytes
from whimbrel.base.slice cimport slice_of
from whimbrel.summary.call cimport CALL_HTTP, OUTCOME_HIT, OUTCOME_MISS, Call
from whimbrel.summary.edges cimport alpn_number, edge_key, edge_of, edges_clear, edges_free, edges_init
from whimbrel.summary.learn cimport learn
from whimbrel.summary.rows cimport (
    endpoint_drop, endpoint_merge, endpoint_of, kept_free, reservoir_empty, row_add, row_clear, row_of)
from whimbrel.summary.shards cimport shards_free, shards_new, shards_touch
from whimbrel.summary.template cimport (
    NODE_GONE, TEMPLATE_NODES, Node, Templates, template_current, template_drop, template_find, template_host,
    template_host_of, template_key)
from whimbrel.summary.token cimport TOKEN_CLIENTS, TOKEN_KEYS, token_of

cdef enum:
    NS_A_STEP = 20                  # bits: about a millisecond


# -- cache keys --

cdef Cache* cache_of(WindowData* w, const Call* call) noexcept nogil:
    """Servers are few: the first that are met are sampled."""
    cdef uint32_t i
    cdef Cache* c
    for i in range(w.caches_used):
        c = &w.caches[i]
        if c.port == call.server_port and memcmp(c.server, call.server, 16) == 0:
            return c
    if w.caches_used == WINDOW_CACHES:
        return NULL
    c = &w.caches[w.caches_used]
    c.shards = shards_new(w.arena)
    if c.shards == NULL:
        return NULL
    memcpy(c.server, call.server, 16)
    c.port = call.server_port
    c.protocol = call.protocol
    w.caches_used += 1
    return c


cdef void refer(WindowData* w, const Call* call) noexcept nogil:
    cdef Cache* c
    if call.key.len == 0:
        return
    c = cache_of(w, call)
    if c == NULL:
        w.counts.caches_lost += 1
    else:
        shards_touch(c.shards, hash_bytes(call.key.ptr, call.key.len, w.key_seed),
                     call.outcome == OUTCOME_HIT or call.outcome == OUTCOME_MISS)


# -- calls --

cdef Edge* edge_call(WindowData* w, const Call* call, const Endpoint* at) noexcept nogil:
    """By the host that was called, as long as an endpoint keeps its node."""
    cdef Edge key
    cdef Edge* e
    edge_key(&key, call.client, call.server, call.server_port, call.protocol)
    if call.protocol == CALL_HTTP and at != NULL:
        key.name = <Node*> template_host_of(at.node)
    e = edge_of(w, &key)
    if e != NULL:
        e.calls += 1
        e.request_bytes += call.request_bytes
        e.response_bytes += call.response_bytes
    return e


cdef inline uint32_t many_of(const Call* call) noexcept nogil:
    """What the keys of one command have in common: when it began, by the millisecond."""
    return <uint32_t> (call.request_first_ns >> NS_A_STEP) | 1 if call.keys > 1 else 0


cdef Node* window_call(WindowData* w, const Call* call) noexcept nogil:
    cdef Node* node
    cdef Endpoint* e
    cdef Row* r
    if call.protocol == CALL_HTTP:
        node = template_find(w.templates, call.protocol, call.method, call.host, call.target)
    else:
        node = template_key(w.templates, call.protocol, call.method, call.key, many_of(call))
        refer(w, call)
    e = endpoint_of(w, node)
    r = row_of(w, e, call)
    w.counts.calls += 1
    row_add(w, r, call, edge_call(w, call, e))
    if e != NULL:
        e.calls += 1
        learn(w, e, r, call)
    return node


cdef void window_edge(
    WindowData* w, const uint8_t* client, const uint8_t* server, int server_port, uint8_t protocol, uint64_t bytes,
) noexcept nogil:
    cdef Edge key
    cdef Edge* e
    edge_key(&key, client, server, server_port, protocol)
    e = edge_of(w, &key)
    if e != NULL:
        e.flows += 1
        e.flow_bytes += bytes


cdef void window_tls(
    WindowData* w, const uint8_t* client, const uint8_t* server, int server_port, int version,
    const uint8_t* name, size_t name_len, const uint8_t* alpn, size_t alpn_len,
) noexcept nogil:
    cdef Edge key
    cdef Edge* e
    cdef Endpoint* named
    edge_key(&key, client, server, server_port, WINDOW_TLS)
    key.version = <uint16_t> version
    key.alpn = alpn_number(slice_of(alpn, alpn_len))
    key.name = template_host(w.templates, WINDOW_TLS, slice_of(name, name_len))
    named = endpoint_of(w, key.name)            # so that it is forgotten when it is idle
    if named != NULL:
        named.calls += 1
    elif key.name != w.templates.other[<int> WINDOW_TLS]:
        template_drop(w.templates, key.name)
        key.name = w.templates.other[<int> WINDOW_TLS]
    e = edge_of(w, &key)
    if e != NULL:
        e.calls += 1


# -- from window to window --

cdef Endpoint* window_settle(WindowData* w, Endpoint* e) noexcept nogil:
    """Its own, or merged into the one that is there already; templates_sweep may follow when all are settled."""
    cdef Node* node
    cdef Endpoint* into
    if not e.node.flags & NODE_GONE:
        return e
    node = template_current(e.node)
    into = <Endpoint*> node.user
    if into != NULL:
        endpoint_merge(w, e, into)
        return into
    e.node.user = NULL
    e.node = node
    node.user = e
    return e


cdef bint is_short(const WindowData* w) noexcept nogil:
    return arena_pressure(w.arena) > 0.5 or w.templates.nodes > TEMPLATE_NODES // 4 * 3


cdef void window_next(WindowData* w) noexcept nogil:
    cdef Endpoint* e = w.endpoints
    cdef Endpoint* following
    cdef Node* node
    cdef Row* r
    cdef uint32_t i, idle = WINDOW_IDLE_SHORT if is_short(w) else WINDOW_IDLE
    reservoir_empty(w)
    edges_clear(w)
    w.number += 1
    for i in range(w.rows_used):
        r = w.rows[i]
        if r != NULL:
            row_clear(w, r)
    for i in range(OTHER_ROWS):
        row_clear(w, &w.other[i])
    while e != NULL:
        following = e.next
        e.quiet = 0 if e.calls else e.quiet + 1
        e.calls = 0
        e.auth = 0
        if e.quiet > idle:
            node = e.node
            endpoint_drop(w, e)
            template_drop(w.templates, node)
            w.counts.dropped += 1
        e = following


# -- beginning and end --

cdef WindowData* window_new(Arena* arena, Templates* templates, uint64_t seed) noexcept nogil:
    cdef WindowData* w = <WindowData*> arena_alloc_zero(arena, sizeof(WindowData))
    if w == NULL:
        return NULL
    w.arena = arena
    w.templates = templates
    w.seed = seed
    w.random = seed
    w.client_seed = token_of(&templates.key, TOKEN_CLIENTS, 0, slice_of(NULL, 0))
    w.key_seed = token_of(&templates.key, TOKEN_KEYS, 0, slice_of(NULL, 0))
    w.rows = <Row**> arena_alloc_zero(arena, WINDOW_ROWS * sizeof(Row*))
    if w.rows == NULL or not edges_init(w):
        arena_free(arena, w.rows)
        arena_free(arena, w)
        return NULL
    return w


cdef void window_free(WindowData* w) noexcept nogil:
    cdef uint32_t i
    if w == NULL:
        return
    while w.endpoints != NULL:
        endpoint_drop(w, w.endpoints)
    for i in range(OTHER_ROWS):
        row_clear(w, &w.other[i])
        kept_free(w, &w.other[i].answer)
    for i in range(w.caches_used):
        shards_free(w.arena, w.caches[i].shards)
    edges_free(w)
    arena_free(w.arena, w.rows)
    arena_free(w.arena, w)
