"""Reassembly of one flow: what is delivered when, and when a hole is called a gap.

A piece is at its turn when its sequence number is the next of its side and the other side was delivered up to what
the piece acknowledges.  One that is at its turn goes straight from the packet to the consumer; everything else waits
(flow_wait.pxd).  When the oldest piece that waits has waited for a window, something before it will not come any
more, and one step is taken, then the next if that was not enough:

    a side's start is unknown        it starts at the lowest byte that came, or where the other acknowledges
    a hole before the side's head    a gap; but while the peer, whose packets we see, acknowledges nothing behind it,
                                     a retransmission is waited for
    the head waits for the other     a gap in the other, up to its own head or to what is acknowledged
    both wait for each other         the later head is a retransmission: believed without its acknowledgement

Deliberately not: selective acknowledgements, time stamps, checksums, the receiver's window.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from whimbrel.capture.decode cimport Segment, TCP_ACK, TCP_FIN, TCP_RST
from whimbrel.capture.flow cimport FLOW_WAIT_BYTES, FLOW_WINDOW_NS, FLOW_WINDOW_PACKETS, FlowTable
from whimbrel.capture.flow_start cimport begin, start_where_it_lies
from whimbrel.capture.flow_state cimport (
    FLOW_MUCH_BYTES, FLOW_PATIENCE_NS, FLOW_PLAUSIBLE, FLOW_START_SPAN, FLOW_STRANGE, Item, MARK_ABANDONED,
    MARK_GUESSED, Piece, Record, SIDE_ACKED, SIDE_BEGUN, SIDE_CLOSED, SIDE_SEEN, Side, Wait, ahead)
from whimbrel.capture.flow_wait cimport (
    piece_cut, piece_end, wait_close, wait_heard, wait_insert, wait_release, wait_take, wait_to_end)


# ---- a segment comes --------------------------------------------------------------------------------------


cdef Order order_segment(FlowTable* t, Record* r, int side, const Segment* s, uint32_t seq) noexcept nogil:
    cdef Side* mine = &r.sides[side]
    cdef Order order = ORDER_ON
    cdef Piece p
    p.flags = s.flags & (TCP_FIN | TCP_RST | TCP_ACK)
    mine.flags |= SIDE_SEEN
    if p.flags & TCP_ACK and not note_ack(r, side, s.ack):
        t.counts.implausible += 1
        p.flags &= ~TCP_ACK
    if r.wait != NULL:
        r.wait.packets += 1
    if s.wire_len or s.len or p.flags & (TCP_FIN | TCP_RST):
        p.data = s.data
        p.time_ns = s.time_ns
        p.seq = seq
        p.len = s.len
        p.hole = s.wire_len - s.len if s.wire_len > s.len else 0
        p.ack = s.ack
        p.side = <uint8_t> side
        order = piece_comes(t, r, &p)
    if r.wait != NULL and order == ORDER_ON:
        order = drain(t, r)
        if r.wait != NULL and order == ORDER_ON:
            order = order_late(t, r, s.time_ns)
    return order


cdef bint note_ack(Record* r, int side, uint32_t ack) noexcept nogil:
    """False: it acknowledges what cannot have been sent."""
    cdef Side* mine = &r.sides[side]
    cdef Side* other = &r.sides[1 - side]
    if other.flags & SIDE_BEGUN and ahead(ack, other.next) > FLOW_PLAUSIBLE:
        return False
    if not mine.flags & SIDE_ACKED:
        mine.acked = ack
        mine.flags |= SIDE_ACKED
    elif ahead(ack, mine.acked) > 0:
        mine.acked = ack
    return True


cdef Order piece_comes(FlowTable* t, Record* r, Piece* p) noexcept nogil:
    cdef Side* mine = &r.sides[p.side]
    if not plausible(r, p):
        t.counts.implausible += 1
        mine.strange += not p.flags & TCP_RST       # anybody sends those
        return ORDER_STRANGE if mine.strange >= FLOW_STRANGE else ORDER_ON
    mine.strange = 0
    if p.flags & TCP_RST:           # what data it carries is a message to people
        p.len = 0
        p.hole = 0
        p.flags &= ~TCP_FIN
    elif r.wait != NULL:
        disprove_resets(t, r, p)
    if r.wait != NULL:
        wait_heard(t, r, p)
    if mine.flags & SIDE_BEGUN and p.seq != mine.next:
        if ahead(p.seq, mine.next) > 0:
            t.counts.out_of_order += 1
        elif not trim(p, mine.next):
            t.counts.duplicates += 1
            return ORDER_ON
    if mine.flags & SIDE_CLOSED:
        if not p.flags & TCP_RST:
            t.counts.implausible += 1
            return ORDER_ON
        p.seq = mine.next
    if at_turn(r, p) and not meets_head(r, p):
        return deliver(t, r, p)
    if wait_insert(t, r, p):
        return ORDER_ON
    return press(t, r, p)


cdef bint plausible(Record* r, const Piece* p) noexcept nogil:
    cdef Side* mine = &r.sides[p.side]
    cdef uint32_t n = p.len + p.hole
    cdef int32_t off
    if n > FLOW_START_SPAN:
        return False
    if mine.flags & SIDE_BEGUN:
        off = ahead(p.seq, mine.next)
        if p.flags & TCP_RST:
            return off <= FLOW_WAIT_BYTES and not is_old(r, p, off)
        return -FLOW_PLAUSIBLE <= off <= FLOW_PLAUSIBLE
    if r.wait == NULL or r.wait.head[p.side] == NULL:
        return True
    off = ahead(p.seq, r.wait.head[p.side].piece.seq)
    if not -FLOW_START_SPAN <= off <= FLOW_START_SPAN:
        return False
    return ahead(piece_end(&r.wait.tail[p.side].piece), p.seq) <= 2 * FLOW_START_SPAN


cdef inline bint is_old(const Record* r, const Piece* p, int32_t off) noexcept nogil:
    """An RST from before what its receiver acknowledged: the receiver ignores it, whoever sent it."""
    cdef const Side* other = &r.sides[1 - p.side]
    if other.flags & SIDE_ACKED:
        return off < 0 and ahead(p.seq, other.acked) < 0
    return off < -FLOW_WAIT_BYTES


cdef void disprove_resets(FlowTable* t, Record* r, const Piece* p) noexcept nogil:
    """An RST is its sender's last: that p comes from beyond one that waits shows that it was somebody else's."""
    cdef uint32_t end = piece_end(p) + (1 if p.flags & TCP_FIN else 0)
    cdef Item* item = r.wait.tail[p.side]
    if item == NULL or not item.piece.flags & TCP_RST:
        return
    item = r.wait.head[p.side]
    while item != NULL and ahead(end, item.piece.seq) > 0:
        if item.piece.flags & TCP_RST:
            item.piece.flags &= ~TCP_RST        # nothing is left of it
            t.counts.implausible += 1
        item = item.next


cdef bint trim(Piece* p, uint32_t next) noexcept nogil:
    """Cuts off what was delivered; False: nothing is left."""
    cdef uint32_t behind = next - p.seq
    cdef uint32_t whole = p.len + p.hole + (1 if p.flags & TCP_FIN else 0)
    if behind < whole:
        piece_cut(p, behind)
        return True
    p.seq = next
    p.len = 0
    p.hole = 0
    p.flags &= ~TCP_FIN
    return p.flags & TCP_RST


cdef inline bint meets_head(Record* r, const Piece* p) noexcept nogil:
    """Whether p reaches into what waits behind it, FIN included."""
    if r.wait == NULL or r.wait.head[p.side] == NULL:
        return False
    return ahead(piece_end(p) + (1 if p.flags & TCP_FIN else 0), r.wait.head[p.side].piece.seq) > 0


cdef Order press(FlowTable* t, Record* r, Piece* p) noexcept nogil:
    """There is no room for p to wait: everything before it is given up."""
    cdef Side* mine = &r.sides[p.side]
    cdef Order order = flush_waiting(t, r)
    if order != ORDER_ON or r.flow.marks & MARK_ABANDONED:
        return order
    if not mine.flags & SIDE_BEGUN:
        begin(mine, p.seq)
    if mine.flags & SIDE_CLOSED and not p.flags & TCP_RST:
        return ORDER_ON
    if p.seq != mine.next:
        if ahead(p.seq, mine.next) > 0:
            lose_before(t, r, p, p.seq - mine.next)
        elif not trim(p, mine.next):
            return ORDER_ON
    return deliver(t, r, p)


# ---- whose turn it is -------------------------------------------------------------------------------------


cdef inline uint32_t awaits(const Record* r, const Piece* p) noexcept nogil:
    """Bytes of the other side that p's sender had seen and our consumer has not."""
    cdef const Side* other = &r.sides[1 - p.side]
    cdef int32_t n
    if not p.flags & TCP_ACK or not other.flags & SIDE_BEGUN or other.flags & SIDE_CLOSED:
        return 0
    n = ahead(p.ack, other.next)
    return <uint32_t> n if 0 < n <= FLOW_PLAUSIBLE else 0


cdef inline bint at_turn(const Record* r, const Piece* p) noexcept nogil:
    cdef const Side* mine = &r.sides[p.side]
    cdef const Side* other = &r.sides[1 - p.side]
    if not mine.flags & SIDE_BEGUN or p.seq != mine.next:
        return False
    if not p.flags & TCP_ACK:
        return True
    if not other.flags & SIDE_BEGUN:
        return False
    return awaits(r, p) == 0 or not other.flags & SIDE_SEEN     # of a side that is not captured nothing is awaited


cdef int next_side(const Record* r) noexcept nogil:
    """The side whose head is at its turn, the one that came first if both are; -1: neither is."""
    cdef const Item* a = r.wait.head[0]
    cdef const Item* b = r.wait.head[1]
    cdef bint first = a != NULL and at_turn(r, &a.piece)
    cdef bint second = b != NULL and at_turn(r, &b.piece)
    if first and second:
        return 0 if <int32_t> (a.packet - b.packet) <= 0 else 1
    return 0 if first else 1 if second else -1


cdef Order drain(FlowTable* t, Record* r) noexcept nogil:
    """Delivers what waits and is at its turn; without anything that waits r.wait is NULL afterwards."""
    cdef Order order = ORDER_ON
    cdef const Item* oldest = r.wait.oldest
    cdef Item* item
    cdef int side = -1
    while order == ORDER_ON and not r.flow.marks & MARK_ABANDONED:
        side = next_side(r)
        if side < 0:
            break
        item = wait_take(t, r, side)
        order = deliver(t, r, &item.piece)
        wait_release(t, item)
    if r.wait.oldest == NULL or r.flow.marks & MARK_ABANDONED:
        wait_close(t, r)
    elif r.wait.oldest != oldest:
        wait_to_end(t, r.wait)
    return order


# ---- the consumer is told ---------------------------------------------------------------------------------


cdef Order deliver(FlowTable* t, Record* r, Piece* p) noexcept nogil:
    """p, at its turn; what it awaits nevertheless is lost."""
    cdef Side* mine = &r.sides[p.side]
    cdef uint32_t missing = awaits(r, p)
    if mine.flags & SIDE_CLOSED and not p.flags & TCP_RST:
        return ORDER_ON             # behind an RST that waited behind a FIN
    if missing:
        lose(t, r, 1 - p.side, missing, p.time_ns)
    if p.len:
        mine.next += p.len
        if not r.flow.marks & MARK_ABANDONED:
            t.sink.data(t.sink.context, &r.flow, p.side, p.data, p.len, p.time_ns)
    if p.hole:
        lose(t, r, p.side, p.hole, p.time_ns)
    if p.flags & TCP_RST:
        return ORDER_RST
    if p.flags & TCP_FIN:
        return close_side(t, r, p.side, p.time_ns)
    return ORDER_ON


cdef void lose(FlowTable* t, Record* r, int side, uint32_t n, int64_t time_ns) noexcept nogil:
    r.sides[side].next += n
    if (r.flow.marks & MARK_ABANDONED) or r.sides[side].flags & SIDE_CLOSED:
        return
    t.counts.gaps += 1
    t.counts.gap_bytes += n
    t.sink.gap(t.sink.context, &r.flow, side, n, time_ns)


cdef void lose_before(FlowTable* t, Record* r, const Piece* p, uint32_t n) noexcept nogil:
    if p.flags & TCP_RST:
        r.flow.marks |= MARK_GUESSED
    lose(t, r, p.side, n, p.time_ns)


cdef Order close_side(FlowTable* t, Record* r, int side, int64_t time_ns) noexcept nogil:
    r.sides[side].next += 1
    r.sides[side].flags |= SIDE_CLOSED
    drop_behind_end(t, r, side)
    if t.sink.half != NULL and not r.flow.marks & MARK_ABANDONED:
        t.sink.half(t.sink.context, &r.flow, side, time_ns)
    return ORDER_FIN if r.sides[0].flags & r.sides[1].flags & SIDE_CLOSED else ORDER_ON


cdef void drop_behind_end(FlowTable* t, Record* r, int side) noexcept nogil:
    """Nothing comes after a FIN but an RST."""
    cdef Wait* w = r.wait
    if w == NULL:
        return
    while w.head[side] != NULL and not w.head[side].piece.flags & TCP_RST:
        t.counts.implausible += 1
        wait_release(t, wait_take(t, r, side))
    if w.head[side] != NULL:
        w.head[side].piece.seq = r.sides[side].next


# ---- what does not come -----------------------------------------------------------------------------------


cdef inline bint passed(int64_t now_ns, int64_t then_ns, int64_t window_ns) noexcept nogil:
    """Either way: a capture's clock may have been set back."""
    return now_ns - then_ns >= window_ns or then_ns - now_ns >= window_ns


cdef Order order_late(FlowTable* t, Record* r, int64_t now_ns) noexcept nogil:
    cdef Order order = ORDER_ON
    cdef Item* item
    while order == ORDER_ON and r.wait != NULL:
        if r.flow.marks & MARK_ABANDONED:
            wait_close(t, r)
            break
        item = r.wait.oldest
        if not passed(now_ns, item.piece.time_ns, FLOW_WINDOW_NS) and (
                r.wait.packets - item.packet < FLOW_WINDOW_PACKETS):
            break
        if may_still_come(r, now_ns):
            break
        order = give_up(t, r)
    return order


cdef bint may_still_come(const Record* r, int64_t now_ns) noexcept nogil:
    """Whether the oldest piece waits for something that was lost on its way, not by the capture."""
    cdef const Item* oldest = r.wait.oldest
    cdef int side = oldest.piece.side
    cdef const Side* mine = &r.sides[side]
    cdef const Side* other = &r.sides[1 - side]
    if not mine.flags & other.flags & SIDE_BEGUN or not other.flags & SIDE_ACKED:
        return False
    if ahead(r.wait.head[side].piece.seq, mine.next) <= 0 or ahead(other.acked, mine.next) > 0:
        return False
    return r.wait.bytes[side] < FLOW_MUCH_BYTES and not passed(now_ns, oldest.piece.time_ns, FLOW_PATIENCE_NS)


cdef Order give_up(FlowTable* t, Record* r) noexcept nogil:
    """One step towards the oldest piece that waits; there is one."""
    cdef int side = r.wait.oldest.piece.side
    cdef Item* head = r.wait.head[side]
    cdef Item* head_there = r.wait.head[1 - side]
    cdef int32_t hole
    cdef uint32_t missing
    if start_where_it_lies(r):
        return drain(t, r)
    hole = ahead(head.piece.seq, r.sides[side].next)
    missing = awaits(r, &head.piece)
    if hole > 0:
        lose_before(t, r, &head.piece, <uint32_t> hole)
    elif missing:
        if head_there != NULL:
            missing = min(missing, head_there.piece.seq - r.sides[1 - side].next)
        if missing == 1 and head_there == NULL and head.piece.flags & TCP_FIN:
            close_side(t, r, 1 - side, head.piece.time_ns)      # a FIN answers a FIN
        elif missing:
            lose(t, r, 1 - side, missing, head.piece.time_ns)
        else:
            later_of(head, head_there).piece.flags &= ~TCP_ACK
    else:
        head.piece.flags &= ~TCP_ACK
    return drain(t, r)


cdef inline Item* later_of(Item* a, Item* b) noexcept nogil:
    """Of two that wait for each other the later is a retransmission, and its first copy was what the other answers."""
    return a if <int32_t> (a.packet - b.packet) > 0 else b


cdef Order flush_waiting(FlowTable* t, Record* r) noexcept nogil:
    cdef Order order = ORDER_ON
    while order == ORDER_ON and r.wait != NULL:
        if r.wait.oldest == NULL or r.flow.marks & MARK_ABANDONED:
            wait_close(t, r)
        else:
            order = give_up(t, r)
    return order


cdef Order order_flush(FlowTable* t, Record* r, int64_t now_ns) noexcept nogil:
    cdef Order order = flush_waiting(t, r)
    cdef int side
    cdef int32_t n
    if order != ORDER_ON:
        return order
    for side in range(2):
        if r.sides[side].flags & SIDE_BEGUN and r.sides[1 - side].flags & SIDE_ACKED:
            n = ahead(r.sides[1 - side].acked, r.sides[side].next)
            if 1 < n <= FLOW_PLAUSIBLE and not r.sides[side].flags & SIDE_CLOSED:    # 1: rather a FIN than a byte
                lose(t, r, side, <uint32_t> n, now_ns)
    return ORDER_ON


cdef void order_drop(FlowTable* t, Record* r) noexcept nogil:
    wait_close(t, r)
