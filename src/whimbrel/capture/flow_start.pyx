"""The ways of flow_start.pxd."""

from libc.stdint cimport uint32_t
from whimbrel.capture.decode cimport Endpoint, TCP_ACK
from whimbrel.capture.flow_state cimport FLOW_START_SPAN, Item, Record, SIDE_BEGUN, Side, ahead


cdef bint start_at(Record* r, int side, uint32_t seq) noexcept nogil:
    cdef Item* head = r.wait.head[side] if r.wait != NULL else NULL
    if r.sides[side].flags & SIDE_BEGUN:
        return r.sides[side].start == seq
    if head != NULL and not 0 <= ahead(head.piece.seq, seq) <= FLOW_START_SPAN:
        return False
    begin(&r.sides[side], seq)
    return True


cdef uint32_t lowest_known(const Record* r, int side) noexcept nogil:
    """Of what waits its first byte, or one before it that the other side, when it began to speak, had heard of."""
    cdef const Item* head = r.wait.head[side]
    cdef const Item* there = r.wait.head[1 - side]
    if there != NULL and there.piece.flags & TCP_ACK and (
            0 < ahead(head.piece.seq, there.piece.ack) <= FLOW_START_SPAN and r.flow.syn_seen):
        return there.piece.ack
    return head.piece.seq


cdef bint start_where_it_lies(Record* r) noexcept nogil:
    """Sides without a start get one, where anything is known of it; False: nothing changed."""
    cdef bint changed = False
    cdef int side
    cdef Item* head
    for side in range(2):
        if not r.sides[side].flags & SIDE_BEGUN and r.wait.head[side] != NULL:
            begin(&r.sides[side], lowest_known(r, side))
            changed = True
    for side in range(2):
        head = r.wait.head[1 - side]
        if not r.sides[side].flags & SIDE_BEGUN and head != NULL and head.piece.flags & TCP_ACK:
            begin(&r.sides[side], head.piece.ack)
            changed = True
    return changed


cdef void start_swap(Record* r) noexcept nogil:
    cdef Endpoint end = r.flow.ends[0]
    cdef Side side = r.sides[0]
    cdef Item* item
    r.flow.ends[0] = r.flow.ends[1]
    r.flow.ends[1] = end
    r.sides[0] = r.sides[1]
    r.sides[1] = side
    if r.wait == NULL:
        return
    r.wait.head[0], r.wait.head[1] = r.wait.head[1], r.wait.head[0]
    r.wait.tail[0], r.wait.tail[1] = r.wait.tail[1], r.wait.tail[0]
    r.wait.bytes[0], r.wait.bytes[1] = r.wait.bytes[1], r.wait.bytes[0]
    r.wait.count[0], r.wait.count[1] = r.wait.count[1], r.wait.count[0]
    item = r.wait.oldest
    while item != NULL:
        item.piece.side = 1 - item.piece.side
        item = item.newer
