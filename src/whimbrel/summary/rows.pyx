"""Rows and endpoints of the window; see window.pxd.  Nothing here waits, and nothing fails: what finds no room is
counted in an {other} row."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset
from whimbrel.base.arena cimport arena_alloc_zero, arena_free
from whimbrel.base.hash cimport hash_bytes
from whimbrel.base.histogram cimport whimbrel_log2
from whimbrel.summary.call cimport CALL_HTTP, CALL_MEMCACHE, CALL_UNPAIRED, Call
from whimbrel.summary.hll cimport hll_add, hll_clear, hll_merge
from whimbrel.summary.latency cimport latency_clear, latency_merge, latency_record
from whimbrel.summary.shape cimport Shape, shape_free, shape_merge
from whimbrel.summary.template cimport TEMPLATE_PROTOCOLS, Node
from whimbrel.summary.trie cimport protocol_of
from whimbrel.summary.window cimport (
    SIZE_STEPS, TTL_NEVER, TTL_NOT_GIVEN, TTL_STEPS, WINDOW_CALLERS, WINDOW_RESERVOIR, WINDOW_ROWS, WINDOW_SHAPE_BYTES,
    WINDOW_SHAPE_PERCENT, Edge, Endpoint, Kept, Row, Sizes, WindowData)

cdef enum:
    FIRST_RESERVED = WINDOW_ROWS - WINDOW_RESERVOIR
    HAND_STEPS = 64                 # rows looked at for an idle one, a call


# -- shapes that are kept --

cdef void kept_free(WindowData* w, Kept* k) noexcept nogil:
    shape_free(w.arena, k.shape)
    memset(k, 0, sizeof(Kept))


cdef void kept_merge(WindowData* w, Kept* k, const Shape* shape) noexcept nogil:
    cdef size_t before = w.arena.used_bytes
    if before * 100 > w.arena.size_bytes * WINDOW_SHAPE_PERCENT:
        w.counts.shapes_refused += 1
        return
    if not shape_merge(w.arena, &k.shape, shape):
        w.counts.shapes_refused += 1
    k.fresh = True
    if w.arena.used_bytes > before:
        k.bytes += <uint32_t> (w.arena.used_bytes - before)
    if k.bytes > WINDOW_SHAPE_BYTES:
        kept_free(w, k)
        w.counts.shapes_restarted += 1


cdef void kept_move(WindowData* w, Kept* k, Kept* into) noexcept nogil:
    if k.shape == NULL:
        return
    if into.shape == NULL:
        into[0] = k[0]
        into.told = 0
        into.fresh = True
        memset(k, 0, sizeof(Kept))
    else:
        kept_merge(w, into, k.shape)
        kept_free(w, k)


# -- adding a call --

cdef inline void sizes_add(Sizes* s, uint64_t bytes, bint first) noexcept nogil:
    cdef uint32_t step = 0 if bytes == 0 else 1 + whimbrel_log2(bytes)
    s.steps[step if step < SIZE_STEPS else SIZE_STEPS - 1] += 1
    s.sum += bytes
    if first or bytes < s.min:
        s.min = bytes
    if bytes > s.max:
        s.max = bytes


cdef void sizes_merge(Sizes* into, const Sizes* other, bint first) noexcept nogil:
    cdef int i
    for i in range(SIZE_STEPS):
        into.steps[i] += other.steps[i]
    into.sum += other.sum
    if first or other.min < into.min:
        into.min = other.min
    if other.max > into.max:
        into.max = other.max


cdef inline void bits_add(uint32_t* counts, uint32_t bits) noexcept nogil:
    while bits:
        counts[whimbrel_log2(bits)] += 1
        bits &= ~(<uint32_t> 1 << whimbrel_log2(bits))


cdef inline uint32_t ttl_step(int64_t ttl_ms) noexcept nogil:
    cdef uint32_t step
    if ttl_ms <= 0:
        return TTL_NEVER if ttl_ms == 0 else TTL_NOT_GIVEN
    step = 0 if ttl_ms < 1000 else 1 + whimbrel_log2(<uint64_t> ttl_ms // 1000)
    return step if step < TTL_NEVER else TTL_NEVER - 1


cdef inline void time_add(WindowData* w, Row* r, const Call* call) noexcept nogil:
    """Not where one end was not seen, or belongs to another call."""
    cdef int64_t asked = call.request_last_ns
    if asked == 0 or call.flags & CALL_UNPAIRED:
        return
    if call.response_first_ns >= asked:
        latency_record(w.arena, &r.first, <uint64_t> (call.response_first_ns - asked))
    if call.response_last_ns >= asked:
        latency_record(w.arena, &r.last, <uint64_t> (call.response_last_ns - asked))


cdef inline void caller_add(Row* r, uint16_t caller, uint32_t calls) noexcept nogil:
    cdef int i
    for i in range(WINDOW_CALLERS):
        if r.callers[i] == 0:
            r.callers[i] = caller
        if r.callers[i] == caller:
            r.caller_calls[i] += calls
            return
    r.more_callers = True


cdef void row_add(WindowData* w, Row* r, const Call* call, const Edge* edge) noexcept nogil:
    cdef bint first = r.calls == 0
    r.calls += 1
    if edge != NULL:
        caller_add(r, edge.caller, 1)
    else:
        r.more_callers = True
    time_add(w, r, call)
    sizes_add(&r.request, call.request_bytes, first)
    sizes_add(&r.response, call.response_bytes, first)
    hll_add(w.arena, &r.clients, hash_bytes(call.client, 16, w.client_seed))
    bits_add(r.flags, call.flags & 0xFFFF)
    if call.protocol == CALL_HTTP:
        bits_add(r.body_flags, call.request_body.flags)
        bits_add(r.body_flags, call.response_body.flags)
        r.request_kinds |= <uint16_t> (1 << (call.request_body.kind & 15))
        r.response_kinds |= <uint16_t> (1 << (call.response_body.kind & 15))
    else:
        r.outcomes[call.outcome & 7] += 1
        r.ttls[ttl_step(call.ttl_ms)] += 1


cdef void row_merge(WindowData* w, Row* r, Row* into) noexcept nogil:
    """Add the counts."""
    cdef bint first = into.calls == 0
    cdef int i
    if r.calls == 0:
        return
    into.calls += r.calls
    latency_merge(w.arena, &into.first, &r.first)
    latency_merge(w.arena, &into.last, &r.last)
    sizes_merge(&into.request, &r.request, first)
    sizes_merge(&into.response, &r.response, first)
    hll_merge(w.arena, &into.clients, &r.clients)
    for i in range(16):
        into.flags[i] += r.flags[i]
    for i in range(8):
        into.outcomes[i] += r.outcomes[i]
        into.body_flags[i] += r.body_flags[i]
    for i in range(TTL_STEPS):
        into.ttls[i] += r.ttls[i]
    for i in range(WINDOW_CALLERS):
        if r.callers[i]:
            caller_add(into, r.callers[i], r.caller_calls[i])
    into.more_callers |= r.more_callers
    into.request_kinds |= r.request_kinds
    into.response_kinds |= r.response_kinds


cdef void row_clear(WindowData* w, Row* r) noexcept nogil:
    latency_clear(w.arena, &r.first)
    latency_clear(w.arena, &r.last)
    hll_clear(w.arena, &r.clients)
    memset(&r.calls, 0, <size_t> (<char*> &r.answer - <char*> &r.calls))


# -- rows --

cdef Row* other_row(WindowData* w, uint8_t protocol, int status) noexcept nogil:
    cdef int status_class = status // 100
    cdef Row* r
    if protocol != CALL_HTTP:
        return &w.other[6 if protocol == CALL_MEMCACHE else 7]
    if status_class < 0 or status_class > 5:
        status_class = 0
    r = &w.other[status_class]
    r.status = status_class * 100
    return r


cdef void row_drop(WindowData* w, Row* r) noexcept nogil:
    cdef Row** at = &r.endpoint.rows
    while at[0] != r:
        at = &at[0].next
    at[0] = r.next
    w.rows[r.place] = NULL
    row_clear(w, r)
    kept_free(w, &r.answer)
    arena_free(w.arena, r)


cdef uint32_t idle_place(WindowData* w) noexcept nogil:
    """A place whose row has no calls in this window, or WINDOW_ROWS."""
    cdef Row* r
    for _ in range(HAND_STEPS):
        w.hand = w.hand + 1 if w.hand + 1 < w.rows_used else 0
        r = w.rows[w.hand]
        if r == NULL:
            return w.hand
        if r.calls == 0:
            row_drop(w, r)
            return w.hand
    return WINDOW_ROWS


cdef uint32_t reservoir_place(WindowData* w) noexcept nogil:
    """Each call that found no room has the same chance to get one of the reserved places (Vitter's algorithm R)."""
    cdef uint64_t n = w.overflow, drawn
    cdef Row* r
    w.overflow += 1
    w.random = w.random * 6364136223846793005u + 1442695040888963407u
    drawn = n if n < WINDOW_RESERVOIR else (w.random >> 33) % (n + 1)
    if drawn >= WINDOW_RESERVOIR:
        return WINDOW_ROWS
    r = w.rows[FIRST_RESERVED + drawn]
    if r != NULL:
        row_merge(w, r, other_row(w, protocol_of(r.endpoint.node), r.status))
        w.counts.other_calls += r.calls
        row_drop(w, r)
    return <uint32_t> (FIRST_RESERVED + drawn)


cdef Row* row_new(WindowData* w, Endpoint* e, int status) noexcept nogil:
    cdef uint32_t place
    cdef Row* r
    if w.rows_used < FIRST_RESERVED:
        place = w.rows_used
    else:
        place = idle_place(w)
        if place == WINDOW_ROWS:
            place = reservoir_place(w)
    if place == WINDOW_ROWS:
        return NULL
    r = <Row*> arena_alloc_zero(w.arena, sizeof(Row))
    if r == NULL:
        return NULL
    w.rows_used += place == w.rows_used and place < FIRST_RESERVED
    w.rows[place] = r
    r.place = place
    r.status = status
    r.endpoint = e
    r.next = e.rows
    e.rows = r
    return r


cdef Row* row_of(WindowData* w, Endpoint* e, const Call* call) noexcept nogil:
    cdef Row* r = e.rows if e != NULL else NULL
    while r != NULL and r.status != call.status:
        r = r.next
    if r == NULL and e != NULL:
        r = row_new(w, e, call.status)
    if r == NULL:
        w.counts.other_calls += 1
        r = other_row(w, call.protocol, call.status)
    return r


cdef void reservoir_empty(WindowData* w) noexcept nogil:
    cdef uint32_t i
    w.overflow = 0
    for i in range(FIRST_RESERVED, WINDOW_ROWS):
        if w.rows[i] != NULL:
            row_drop(w, w.rows[i])


# -- endpoints --

cdef Endpoint* endpoint_of(WindowData* w, Node* node) noexcept nogil:
    cdef Endpoint* e = <Endpoint*> node.user
    cdef int i
    if e != NULL:
        return e
    for i in range(TEMPLATE_PROTOCOLS):
        if node == w.templates.other[i]:
            return NULL
    e = <Endpoint*> arena_alloc_zero(w.arena, sizeof(Endpoint))
    if e == NULL:
        return NULL
    e.node = node
    node.user = e
    e.next = w.endpoints
    if e.next != NULL:
        e.next.prev = e
    w.endpoints = e
    return e


cdef void endpoint_drop(WindowData* w, Endpoint* e) noexcept nogil:
    while e.rows != NULL:
        row_drop(w, e.rows)
    kept_free(w, &e.request)
    kept_free(w, &e.query)
    kept_free(w, &e.names)
    if e.prev != NULL:
        e.prev.next = e.next
    else:
        w.endpoints = e.next
    if e.next != NULL:
        e.next.prev = e.prev
    e.node.user = NULL
    arena_free(w.arena, e)


cdef void endpoint_merge(WindowData* w, Endpoint* e, Endpoint* into) noexcept nogil:
    cdef Row* r = e.rows
    cdef Row* twin
    cdef Row* following
    while r != NULL:
        following = r.next
        twin = into.rows
        while twin != NULL and twin.status != r.status:
            twin = twin.next
        if twin != NULL:
            row_merge(w, r, twin)
            kept_move(w, &r.answer, &twin.answer)
            row_drop(w, r)
        else:                       # the row moves as it is
            e.rows = following
            r.endpoint = into
            r.next = into.rows
            into.rows = r
        r = following
    kept_move(w, &e.request, &into.request)
    kept_move(w, &e.query, &into.query)
    kept_move(w, &e.names, &into.names)
    into.calls += e.calls
    into.auth |= e.auth
    into.quiet = min(into.quiet, e.quiet)
    endpoint_drop(w, e)
