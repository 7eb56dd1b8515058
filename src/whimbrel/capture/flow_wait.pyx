"""The lists of flow_wait.pxd.

A piece waits for what it acknowledges.  But a retransmission acknowledges more than its bytes' first copy did, which
the capture may have missed or may still bring.  What its sender sent first it sent no later: so no byte keeps an
acknowledgement above that of any piece reaching beyond it, and acknowledgements never fall along the list.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memcpy
from whimbrel.base.arena cimport arena_alloc, arena_alloc_zero, arena_free
from whimbrel.capture.decode cimport TCP_ACK, TCP_FIN, TCP_RST
from whimbrel.capture.flow cimport FLOW_WAIT_BYTES, FlowTable
from whimbrel.capture.flow_state cimport FLOW_WAIT_SEGMENTS, Item, Own, Piece, Record, Wait, ahead, own_of


cdef inline uint32_t covered_to(const Piece* p) noexcept nogil:
    """The first sequence number that p says nothing of."""
    return piece_end(p) + (1 if p.flags & TCP_FIN else 0)


cdef inline bint says_nothing(const Piece* p) noexcept nogil:
    return p.len == 0 and p.hole == 0 and not p.flags & (TCP_FIN | TCP_RST)


cdef void piece_cut(Piece* p, uint32_t n) noexcept nogil:
    cdef uint32_t of_data = min(n, p.len)
    p.seq += n
    p.data += of_data
    p.len -= of_data
    n -= of_data
    if n <= p.hole:
        p.hole -= n
    else:                           # the FIN's number, too
        p.hole = 0
        p.flags &= ~TCP_FIN


cdef Piece first_of(const Piece* p, uint32_t n) noexcept nogil:
    """The first n bytes of p, which has more."""
    cdef Piece first = p[0]
    first.len = min(n, p.len)
    first.hole = n - first.len
    first.flags &= ~TCP_FIN
    return first


cdef bint differs(const Piece* p, const Piece* kept) noexcept nogil:
    """Whether the two hold other bytes for the same numbers; p does not start before `kept`."""
    cdef uint32_t skip = p.seq - kept.seq
    if skip >= kept.len or p.len == 0:
        return False
    return memcmp(p.data, kept.data + skip, min(p.len, kept.len - skip)) != 0


cdef void step_over(Piece* p, const Piece* kept, bint* other_bytes) noexcept nogil:
    """Cuts off what `kept`, which starts no later, has already."""
    cdef uint32_t end = covered_to(kept)
    if ahead(p.seq, end) >= 0:
        return
    other_bytes[0] |= differs(p, kept)
    if p.flags & TCP_RST:
        p.seq = end
    elif ahead(covered_to(p), end) <= 0:
        piece_cut(p, covered_to(p) - p.seq)
    else:
        piece_cut(p, end - p.seq)


# ---- acknowledgements -------------------------------------------------------------------------------------


cdef inline bint acked_less(const Piece* p, const Piece* than) noexcept nogil:
    return p.flags & than.flags & TCP_ACK and ahead(than.ack, p.ack) > 0


cdef void wait_heard(FlowTable* t, Record* r, Piece* p) noexcept nogil:
    cdef Wait* w = r.wait
    cdef uint32_t end = piece_end(p)
    cdef Item* item = w.head[p.side]
    if item != NULL and ahead(covered_to(p), item.piece.seq) <= 0 and acked_less(&item.piece, p):
        p.ack = item.piece.ack      # one that reaches further is cut to parts by wait_insert
    if item == NULL or not acked_less(p, &w.tail[p.side].piece):
        return
    while item != NULL and ahead(item.piece.seq, end) < 0:
        if acked_less(p, &item.piece):
            if ahead(piece_end(&item.piece), end) > 0 and not split(t, w, item, end - item.piece.seq):
                return
            item.piece.ack = p.ack
        item = item.next


cdef bint split(FlowTable* t, Wait* w, Item* item, uint32_t n) noexcept nogil:
    """`item` keeps its first n bytes, the rest becomes an item of its own that came with it."""
    cdef Piece rest = item.piece
    cdef Item* behind
    piece_cut(&rest, n)
    behind = make_item(t, w, &rest)
    if behind == NULL:
        return False
    behind.packet = item.packet
    w.bytes[rest.side] -= rest.len
    item.piece = first_of(&item.piece, n)
    link(w, item, item, behind)
    return True


# ---- in and out -------------------------------------------------------------------------------------------


cdef bint wait_insert(FlowTable* t, Record* r, Piece* p) noexcept nogil:
    cdef Wait* w = r.wait if r.wait != NULL else open_wait(t, r)
    cdef Item* before = NULL
    cdef Item* at
    cdef Piece first
    cdef bint other_bytes = False, new_bytes = False, room = w != NULL
    if not room:
        return False
    at = w.head[p.side]
    if at != NULL and ahead(p.seq, covered_to(&w.tail[p.side].piece)) >= 0:
        before = w.tail[p.side]
        at = NULL
    while room and at != NULL and ahead(covered_to(p), at.piece.seq) > 0:
        if ahead(p.seq, at.piece.seq) < 0:
            first = first_of(p, at.piece.seq - p.seq)
            room = put(t, w, before, &first)
            if not room:
                break
            new_bytes = True
            piece_cut(p, at.piece.seq - p.seq)
        step_over(p, &at.piece, &other_bytes)
        if says_nothing(p):
            break
        before = at
        at = at.next
    if room and not says_nothing(p):
        room = put(t, w, before, p)
        new_bytes = True
    t.counts.overlaps_differ += other_bytes
    t.counts.duplicates += room and not new_bytes
    return room


cdef bint put(FlowTable* t, Wait* w, Item* before, const Piece* p) noexcept nogil:
    """An item with a copy of p behind `before`, which may be NULL: at the front."""
    cdef Item* item = make_item(t, w, p)
    if item == NULL:
        return False
    link(w, before, w.newest, item)
    if item.next != NULL and acked_less(&item.next.piece, p):
        item.piece.ack = item.next.piece.ack
    return True


cdef Item* make_item(FlowTable* t, Wait* w, const Piece* p) noexcept nogil:
    """A copy of p, counted but in no list; NULL: no room."""
    cdef Own* own = own_of(t)
    cdef size_t size = sizeof(Item) + p.len
    cdef Item* item
    if w.count[p.side] >= FLOW_WAIT_SEGMENTS or w.bytes[p.side] + p.len > FLOW_WAIT_BYTES:
        return NULL
    if own.waiting_bytes + size > own.waiting_max:
        return NULL
    item = <Item*> arena_alloc(t.arena, size)
    if item == NULL:
        return NULL
    item.size = <uint32_t> size
    item.packet = w.packets
    item.piece = p[0]
    item.piece.data = <uint8_t*> (item + 1)
    if p.len:
        memcpy(item + 1, p.data, p.len)
    own.waiting_bytes += size
    w.count[p.side] += 1
    w.bytes[p.side] += p.len
    return item


cdef void link(Wait* w, Item* before, Item* older, Item* item) noexcept nogil:
    """Behind `before` by sequence and behind `older` by arrival; NULL is the front."""
    cdef int side = item.piece.side
    item.next = w.head[side] if before == NULL else before.next
    if before == NULL:
        w.head[side] = item
    else:
        before.next = item
    if item.next == NULL:
        w.tail[side] = item
    item.older = older
    item.newer = w.oldest if older == NULL else older.newer
    if older == NULL:
        w.oldest = item
    else:
        older.newer = item
    if item.newer == NULL:
        w.newest = item
    else:
        item.newer.older = item


cdef Item* wait_take(FlowTable* t, Record* r, int side) noexcept nogil:
    cdef Wait* w = r.wait
    cdef Item* item = w.head[side]
    w.head[side] = item.next
    if item.next == NULL:
        w.tail[side] = NULL
    if item.older == NULL:
        w.oldest = item.newer
    else:
        item.older.newer = item.newer
    if item.newer == NULL:
        w.newest = item.older
    else:
        item.newer.older = item.older
    w.count[side] -= 1
    w.bytes[side] -= item.piece.len
    own_of(t).waiting_bytes -= item.size
    return item


cdef void wait_release(FlowTable* t, Item* item) noexcept nogil:
    arena_free(t.arena, item)


# ---- of a flow --------------------------------------------------------------------------------------------


cdef Wait* open_wait(FlowTable* t, Record* r) noexcept nogil:
    cdef Wait* w = <Wait*> arena_alloc_zero(t.arena, sizeof(Wait))
    if w != NULL:
        w.record = r
        r.wait = w
        append(own_of(t), w)
    return w


cdef void wait_close(FlowTable* t, Record* r) noexcept nogil:
    cdef Wait* w = r.wait
    if w == NULL:
        return
    while w.oldest != NULL:
        wait_release(t, wait_take(t, r, 0 if w.head[0] != NULL else 1))
    unlink(own_of(t), w)
    r.wait = NULL
    arena_free(t.arena, w)


cdef void wait_to_end(FlowTable* t, Wait* w) noexcept nogil:
    unlink(own_of(t), w)
    append(own_of(t), w)


cdef void append(Own* own, Wait* w) noexcept nogil:
    w.before = own.last_wait
    w.after = NULL
    if own.last_wait == NULL:
        own.first_wait = w
    else:
        own.last_wait.after = w
    own.last_wait = w


cdef void unlink(Own* own, Wait* w) noexcept nogil:
    if w.before == NULL:
        own.first_wait = w.after
    else:
        w.before.after = w.after
    if w.after == NULL:
        own.last_wait = w.before
    else:
        w.after.before = w.before
