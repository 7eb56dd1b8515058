"""The table of flows: which segment belongs to which, when a flow begins and when it is over.

A segment's life:

    of a flow       its side -> order_segment -> perhaps the flow's end
    SYN, SYN-ACK    remembered in a table of fixed size, no flow yet; if a flow is there, perhaps of its successor
    data, or the    a flow, its starts as remembered; without memory of a handshake its start is found by waiting
    handshake's ACK
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset
from whimbrel.base.arena cimport Arena, arena_alloc_zero, arena_free
from whimbrel.base.hash cimport hash_bytes
from whimbrel.capture.decode cimport Segment, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN
from whimbrel.capture.flow cimport (
    FLOW_EVICTED, FLOW_FIN, FLOW_IDLE, FLOW_IDLE_NS, FLOW_RST, FLOW_STOPPED, FLOW_WINDOW_NS, Flow, FlowEnd, FlowSink,
    FlowTable)
from whimbrel.capture.flow_index cimport (
    Key, index_add, index_find, index_remove, index_renew, make_key, same_end)
from whimbrel.capture.flow_memory cimport (
    Memory, REMEMBERED_NOTHING, REMEMBERED_OVER, REMEMBERED_SYN, Trace, memory_close, memory_find, memory_forget,
    memory_init, memory_late, memory_make)
from whimbrel.capture.flow_order cimport (
    ORDER_FIN, ORDER_ON, ORDER_RST, ORDER_STRANGE, Order, order_drop, order_flush, order_late, order_segment)
from whimbrel.capture.flow_start cimport start_at, start_swap
from whimbrel.capture.flow_state cimport (
    FLOW_START_SPAN, FLOW_WAIT_SHARE, MARK_ABANDONED, MARK_GUESSED, MARK_SUCCESSOR, Own, Record, SIDE_ACKED,
    SIDE_BEGUN, SIDE_CLOSED, SIDE_SEEN, Side, Wait, ahead, own_of, record_at, reference)
from whimbrel.capture.flow_wait cimport wait_to_end

cdef extern from *:
    """
    #include <sys/random.h>
    #include <time.h>
    #include <stdint.h>
    static uint64_t flow_seed(void) {
        uint64_t seed;
        if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t) sizeof seed) {   /* an early boot has none yet */
            struct timespec now;
            clock_gettime(CLOCK_MONOTONIC, &now);
            seed = (uint64_t) now.tv_nsec * 0x9e3779b97f4a7c15u ^ (uint64_t) (uintptr_t) &now;
        }
        return seed;
    }
    """
    uint64_t flow_seed() noexcept nogil

cdef enum:
    HEADS_MAX = 262144              # 1 MiB of them, the arena's largest block; more flows make chains a little longer
    TICK_WAITS = 64                 # flows with something that waits, looked at in one tick
    TICK_IDLE = 64                  # idle flows ended in one tick
    EVICT_MOST = 16                 # flows that may make room for one

# ---- the table --------------------------------------------------------------------------------------------


cdef bint table_init(FlowTable* t, Arena* arena, const FlowSink* sink, uint32_t flows_max) noexcept nogil:
    cdef Own* own
    cdef uint32_t heads = 64
    memset(t, 0, sizeof(FlowTable))
    t.arena = arena
    t.sink = sink[0]
    t.sample = 1
    own = <Own*> arena_alloc_zero(arena, sizeof(Own))
    if own == NULL:
        return False
    t.own = own
    while heads < flows_max and heads < HEADS_MAX:
        heads *= 2
    own.mask = heads - 1
    own.flows_max = max(flows_max, <uint32_t> 1)
    own.seed = flow_seed()
    own.waiting_max = arena.size_bytes // FLOW_WAIT_SHARE
    own.heads = <uint32_t*> arena_alloc_zero(arena, heads * sizeof(uint32_t))
    if own.heads != NULL and memory_init(&own.memory, arena, flows_max):
        return True
    free_table(t)
    return False


cdef void table_close(FlowTable* t) noexcept nogil:
    cdef Own* own = own_of(t)
    cdef Record* r
    if own == NULL:
        return
    while own.oldest:
        r = record_at(t.arena, own.oldest)
        end(t, r, FLOW_STOPPED, r.last_ns)
    free_table(t)


cdef void free_table(FlowTable* t) noexcept nogil:
    cdef Own* own = own_of(t)
    memory_close(&own.memory, t.arena)
    arena_free(t.arena, own.heads)
    arena_free(t.arena, own)
    t.own = NULL


cdef void table_abandon(Flow* f) noexcept nogil:
    f.marks |= MARK_ABANDONED       # what waits goes with its next packet or tick: this may be a call from its delivery


cdef void table_tick(FlowTable* t, int64_t now_ns) noexcept nogil:
    cdef Own* own = own_of(t)
    cdef Wait* w
    cdef Record* r
    cdef int _i
    for _i in range(TICK_WAITS):
        w = own.first_wait
        if w == NULL:
            break
        r = w.record
        conclude(t, r, order_late(t, r, now_ns), now_ns)
        if own.first_wait == w:     # it waits on; one that is over has taken its Wait with it
            if -FLOW_WINDOW_NS < now_ns - w.oldest.piece.time_ns < FLOW_WINDOW_NS:
                break
            wait_to_end(t, w)
    for _i in range(TICK_IDLE):
        r = record_at(t.arena, own.oldest)
        if r == NULL:
            break
        r.last_ns = min(r.last_ns, now_ns)      # the clock may have been set back
        if now_ns - r.last_ns < FLOW_IDLE_NS:
            break
        end(t, r, FLOW_IDLE, now_ns)


# ---- a segment --------------------------------------------------------------------------------------------


cdef void table_segment(FlowTable* t, const Segment* s) noexcept nogil:
    cdef Own* own = own_of(t)
    cdef Key key
    cdef int end_of_src = make_key(&s.src, &s.dst, s.network, &key)
    cdef uint64_t hash = hash_bytes(<const uint8_t*> &key, sizeof(Key), own.seed)
    cdef int side = 0
    cdef Record* r = index_find(t, s, <uint32_t> hash, &side)
    cdef Order order
    t.counts.segments += 1
    if r == NULL:
        newcomer(t, s, hash, end_of_src)
        return
    r.last_ns = s.time_ns
    if own.newest != reference(t.arena, r):
        index_renew(t, r)
    if r.flow.marks | (s.flags & TCP_SYN):
        special(t, r, side, s, hash, end_of_src)
        return
    order = order_segment(t, r, side, s, s.seq)
    if order != ORDER_ON:
        conclude(t, r, order, s.time_ns)


cdef inline uint32_t first_byte(const Segment* s) noexcept nogil:
    """The sequence number of the segment's data."""
    return s.seq + 1 if s.flags & TCP_SYN else s.seq


cdef inline bint has_data(const Segment* s) noexcept nogil:
    return s.len != 0 or s.wire_len != 0


cdef void special(FlowTable* t, Record* r, int side, const Segment* s, uint64_t hash, int end_of_src) noexcept nogil:
    """A SYN, or a flow with marks."""
    cdef Order order
    if s.flags & TCP_SYN and not s.flags & TCP_RST:
        side = syn_side(t, r, side, s)
        if side < 0:
            remember_syn(t, s, hash, end_of_src)
            r.flow.marks |= MARK_SUCCESSOR
            return
    elif r.flow.marks & MARK_SUCCESSOR and succeeds(t, r, side, s, hash, end_of_src):
        end(t, r, FLOW_IDLE, s.time_ns)
        newcomer(t, s, hash, end_of_src)
        return
    if r.flow.marks & MARK_ABANDONED:
        order = abandoned(t, r, side, s)
    else:
        order = order_segment(t, r, side, s, first_byte(s))
    conclude(t, r, order, s.time_ns)


cdef Order abandoned(FlowTable* t, Record* r, int side, const Segment* s) noexcept nogil:
    """Only its end is watched for."""
    cdef Side* mine = &r.sides[side]
    cdef uint32_t behind = first_byte(s) + s.wire_len
    order_drop(t, r)
    if mine.flags & SIDE_BEGUN and ahead(behind, mine.next) > 0:
        mine.next = behind
    if s.flags & TCP_FIN:
        mine.flags |= SIDE_CLOSED
    if s.flags & TCP_RST:
        return ORDER_RST
    return ORDER_FIN if r.sides[0].flags & r.sides[1].flags & SIDE_CLOSED else ORDER_ON


cdef void conclude(FlowTable* t, Record* r, Order order, int64_t time_ns) noexcept nogil:
    if order == ORDER_FIN:
        end(t, r, FLOW_FIN, time_ns)
    elif order == ORDER_RST:
        end(t, r, FLOW_RST, time_ns)
    elif order == ORDER_STRANGE:
        end(t, r, FLOW_IDLE, time_ns)


# ---- handshakes -------------------------------------------------------------------------------------------


cdef int syn_side(FlowTable* t, Record* r, int side, const Segment* s) noexcept nogil:
    """The side of a SYN that is the flow's own, seen before or late and now its start; -1: it is another connection's.

    Who of a flow joined midway is the client shows now: its sides may change places.
    """
    cdef bint answers = s.flags & TCP_ACK
    cdef bint begun = (r.sides[0].flags | r.sides[1].flags) & SIDE_BEGUN
    if not start_at(r, side, s.seq + 1):
        return -1
    r.flow.syn_seen = True
    if not begun and side != (1 if answers else 0):
        start_swap(r)
        side = 1 - side
    if answers:
        start_at(r, 1 - side, s.ack)
    return side


cdef void remember_syn(FlowTable* t, const Segment* s, uint64_t hash, int end_of_src) noexcept nogil:
    cdef Memory* m = &own_of(t).memory
    cdef Trace* trace = memory_find(m, hash)
    cdef bint pushed_out = False
    if trace == NULL or trace.what != REMEMBERED_SYN:
        trace = memory_make(m, hash, s.time_ns, &pushed_out)
        trace.what = REMEMBERED_SYN
        t.counts.half_open += 1
        t.counts.half_open_dropped += pushed_out
    trace.start[end_of_src] = s.seq + 1
    trace.has |= <uint8_t> (1 << end_of_src)
    trace.client = <uint8_t> end_of_src
    if s.flags & TCP_ACK:           # of several SYNs with different starts this one was answered
        trace.client = <uint8_t> (1 - end_of_src)
        trace.start[trace.client] = s.ack
        trace.has = 3


cdef bint completes(const Trace* trace, const Segment* s, int end_of_src) noexcept nogil:
    """Whether the segment follows both SYNs."""
    if trace.what != REMEMBERED_SYN or trace.has != 3 or not s.flags & TCP_ACK:
        return False
    return (0 <= ahead(s.seq, trace.start[end_of_src]) <= FLOW_START_SPAN
            and 0 <= ahead(s.ack, trace.start[1 - end_of_src]) <= FLOW_START_SPAN)


cdef bint succeeds(FlowTable* t, Record* r, int side, const Segment* s, uint64_t hash, int end_of_src) noexcept nogil:
    """Whether this is a segment of the connection whose SYN was seen while the flow was still there."""
    cdef Trace* trace = memory_find(&own_of(t).memory, hash)
    if trace == NULL or trace.what != REMEMBERED_SYN:
        r.flow.marks &= ~MARK_SUCCESSOR
        return False
    if completes(trace, s, end_of_src):
        return True
    return (has_data(s) and trace.has == 1 << end_of_src and s.seq == trace.start[end_of_src]
            and s.seq != r.sides[side].next)


# ---- a flow begins ----------------------------------------------------------------------------------------


cdef void newcomer(FlowTable* t, const Segment* s, uint64_t hash, int end_of_src) noexcept nogil:
    """A segment of no flow: remembered, ignored, or the first of one."""
    cdef Trace* trace = memory_find(&own_of(t).memory, hash)
    cdef Trace handshake
    cdef Record* r
    handshake.what = REMEMBERED_NOTHING
    if t.sample > 1 and (hash >> 32) % t.sample:
        t.counts.sampled_out += (s.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN      # others cannot be told apart
        return
    if trace != NULL and memory_late(trace, end_of_src, s.seq, s.time_ns) and not new_syn(trace, s, end_of_src):
        t.counts.duplicates += has_data(s)
        return
    if s.flags & TCP_RST:
        memory_forget(trace)
        return
    if s.flags & TCP_SYN:
        remember_syn(t, s, hash, end_of_src)
        trace = memory_find(&own_of(t).memory, hash)
    if not has_data(s) and (trace == NULL or s.flags & TCP_SYN or not (
            s.flags & TCP_FIN or completes(trace, s, end_of_src))):
        return
    if trace != NULL and fits(trace, s, end_of_src):
        handshake = trace[0]
        memory_forget(trace)        # before flows that make room leave traces of their own
    r = start(t, s, hash, &handshake, end_of_src)
    if r == NULL:
        t.counts.refused += 1
        return
    conclude(t, r, order_segment(t, r, 0 if same_end(&s.src, &r.flow.ends[0]) else 1, s, first_byte(s)), s.time_ns)


cdef inline bint new_syn(const Trace* trace, const Segment* s, int end_of_src) noexcept nogil:
    return s.flags & TCP_SYN and s.seq + 1 != trace.start[end_of_src]


cdef inline bint fits(const Trace* trace, const Segment* s, int end_of_src) noexcept nogil:
    cdef int32_t off = ahead(first_byte(s), trace.start[end_of_src])
    return trace.what == REMEMBERED_SYN and (not trace.has >> end_of_src & 1 or 0 <= off <= FLOW_START_SPAN)


cdef Record* start(FlowTable* t, const Segment* s, uint64_t hash, const Trace* trace, int end_of_src) noexcept nogil:
    cdef Own* own = own_of(t)
    cdef Record* r = make_room(t, s.time_ns)
    cdef bint from_client = True
    if r == NULL:
        return NULL
    if trace.what == REMEMBERED_SYN:
        from_client = trace.client == end_of_src
        r.flow.syn_seen = True
        begin_side(r, 0 if from_client else 1, trace, end_of_src)
        begin_side(r, 1 if from_client else 0, trace, 1 - end_of_src)
    r.flow.ends[0] = s.src if from_client else s.dst
    r.flow.ends[1] = s.dst if from_client else s.src
    r.flow.network = s.network
    own.last_id += 1
    r.flow.id = own.last_id
    r.last_ns = s.time_ns
    r.hash = <uint32_t> hash
    index_add(t, r)
    t.live += 1
    t.counts.flows += 1
    return r


cdef void begin_side(Record* r, int side, const Trace* trace, int end_of_it) noexcept nogil:
    if trace.has >> end_of_it & 1:
        r.sides[side].start = trace.start[end_of_it]
        r.sides[side].next = trace.start[end_of_it]
        r.sides[side].flags = SIDE_BEGUN | SIDE_SEEN
    if trace.has == 3:
        r.sides[side].acked = trace.start[1 - end_of_it]
        r.sides[side].flags |= SIDE_ACKED


cdef Record* make_room(FlowTable* t, int64_t now_ns) noexcept nogil:
    """A record, zeroed; the idlest flows make room for it."""
    cdef Own* own = own_of(t)
    cdef Record* r = NULL
    cdef int _i
    for _i in range(EVICT_MOST):
        if t.live < own.flows_max:
            r = <Record*> arena_alloc_zero(t.arena, sizeof(Record))
        if r != NULL or own.oldest == 0:
            break
        t.counts.evicted += 1
        end(t, record_at(t.arena, own.oldest), FLOW_EVICTED, now_ns)
    return r


# ---- and is over ------------------------------------------------------------------------------------------


cdef void end(FlowTable* t, Record* r, FlowEnd why, int64_t time_ns) noexcept nogil:
    cdef Order order = order_flush(t, r, time_ns)
    if order == ORDER_FIN:
        why = FLOW_FIN
    elif order == ORDER_RST:
        why = FLOW_RST
    order_drop(t, r)
    if why == FLOW_FIN or (why == FLOW_RST and not r.flow.marks & MARK_GUESSED):
        remember_over(t, r, time_ns)
    t.sink.over(t.sink.context, &r.flow, why, time_ns)
    index_remove(t, r)
    t.live -= 1
    arena_free(t.arena, r)


cdef void remember_over(FlowTable* t, const Record* r, int64_t time_ns) noexcept nogil:
    cdef Key key
    cdef int end_of_client = make_key(&r.flow.ends[0], &r.flow.ends[1], r.flow.network, &key)
    cdef uint64_t hash = hash_bytes(<const uint8_t*> &key, sizeof(Key), own_of(t).seed)
    cdef bint pushed_out = False
    cdef Trace* trace = memory_make(&own_of(t).memory, hash, time_ns, &pushed_out)
    cdef int side
    t.counts.half_open_dropped += pushed_out
    trace.what = REMEMBERED_OVER
    trace.client = <uint8_t> end_of_client
    for side in range(2):
        trace.start[side ^ end_of_client] = r.sides[side].start
        trace.end[side ^ end_of_client] = r.sides[side].next
