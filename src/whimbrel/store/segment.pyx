"""Segments: handing out bytes, and the lists and accounting of whole segments.

An append names the segment in its cell, takes bytes with one atomic add, and clears the cell once the
item is published.  A segment is walked, emptied and reused only when it is sealed and no cell names it:
cells are to writers what hazard pointers are to readers, and tell of a dead process where it was writing.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.base.atomic cimport (
    cas64, cas_seq64, fence_release, fence_seq, fetch_add64, load_acquire64, load_relaxed64, load_seq64,
    store_release64, store_relaxed64, store_seq64, store_release32, load_acquire32,
)
from whimbrel.store.layout cimport (
    CELLS, Cell, END_OPEN, LINE_BYTES, PROCESSES_MAX, Process, QUEUES, Region, SEGMENT_CHAINED,
    SEGMENT_CLAIMED, SEGMENT_FREE, SEGMENT_LARGE, SEGMENT_OPEN, SEGMENT_SEALED, Segment,
    SegmentList, Store, TORN_NOT, TTL_CLASSES, groups_grown, segment_of,
)
from whimbrel.store.process cimport lock_word, unlock_word, whimbrel_thread_number

cdef extern from "<sched.h>" nogil:
    int sched_yield()

cdef enum:
    HEADER_BYTES = 8192             # of the region's header and one process's slot


# -- accounting: what is resident stays within heap_bytes --

cdef uint64_t overhead_bytes(const Store* s) noexcept nogil:
    """Everything resident that is not a segment.  Of the process table only what one process touches."""
    cdef const Region* r = s.r
    cdef uint64_t mapping = load_relaxed64(&r.mapping)
    cdef uint64_t groups = mapping >> 32
    if <uint32_t> mapping < groups:
        groups = groups_grown(groups)
    return (HEADER_BYTES + (r.segments_max + 1) * sizeof(Segment) + groups * group_cost(s)
            + load_relaxed64(&r.overflow_bump) * LINE_BYTES)


cdef uint64_t segments_allowed(const Store* s) noexcept nogil:
    cdef uint64_t overhead = overhead_bytes(s)
    return (s.r.heap_bytes - overhead) >> s.segment_shift if overhead < s.r.heap_bytes else 0


cdef uint64_t segments_spare(const Store* s) noexcept nogil:
    """Segments that can be taken without evicting."""
    cdef uint64_t used = load_relaxed64(&s.r.segments_used)
    cdef uint64_t allowed = segments_allowed(s)
    cdef uint64_t spare = load_relaxed64(&s.r.segments_free)
    return spare + allowed - used if allowed > used else spare


cdef int ttl_class(const Store* s, int64_t expire_ms, int64_t now_ms) noexcept nogil:
    """0: never expires.  Then two classes per octave of remaining seconds, the last for everything longer."""
    cdef int64_t left_s
    cdef int octave = 0, c
    if expire_ms == 0:
        return 0
    left_s = (expire_ms - now_ms) // 1000
    if left_s < 1:
        return 1
    while left_s >= 4:
        left_s >>= 1
        octave += 1
    c = 1 + 2 * octave + <int> (left_s - 1)
    c = 1 + (c - 1) // <int> s.r.class_divisor
    return c if c < TTL_CLASSES else TTL_CLASSES - 1


# -- lists; all under segment_lock --

cdef void list_append(Store* s, uint32_t number, int queue) noexcept nogil:
    cdef SegmentList* l = &s.r.lists[queue]
    cdef Segment* g = s.segments + number
    g.queue = <uint8_t> queue
    g.prev = l.tail
    g.next = 0
    if l.tail:
        s.segments[l.tail].next = number
    else:
        l.head = number
    l.tail = number
    l.count += g.spans


cdef void list_remove(Store* s, uint32_t number) noexcept nogil:
    cdef Segment* g = s.segments + number
    cdef SegmentList* l = &s.r.lists[g.queue]
    if g.prev:
        s.segments[g.prev].next = g.next
    else:
        l.head = g.next
    if g.next:
        s.segments[g.next].prev = g.prev
    else:
        l.tail = g.prev
    l.count -= g.spans


cdef uint32_t take(Store* s, bint urgent) noexcept nogil:
    """A free segment, or 0."""
    cdef Region* r = s.r
    cdef uint32_t number
    if not urgent and segments_spare(s) <= URGENT_SEGMENTS:
        return 0
    if r.free_list:
        number = <uint32_t> r.free_list
        r.free_list = s.segments[number].next
        r.segments_free -= 1
    elif r.segments_used >= segments_allowed(s):
        return 0
    elif r.retired_list:
        number = <uint32_t> r.retired_list
        r.retired_list = s.segments[number].next
        r.segments_used += 1
    elif r.segments_bump <= r.segments_max:
        number = <uint32_t> r.segments_bump
        r.segments_bump += 1
        r.segments_used += 1
    else:
        return 0
    s.segments[number].state = SEGMENT_CLAIMED
    return number


cdef void prepare(Store* s, uint32_t number, int64_t now_ms) noexcept nogil:
    cdef Segment* g = s.segments + number
    store_relaxed64(&g.sequence, fetch_add64(&s.r.next_sequence, 1))
    g.live = 0
    g.max_expire_ms = 0
    g.base_s = <uint32_t> (now_ms // 1000)
    g.end = END_OPEN
    g.chain = 0
    g.torn = 0
    g.spans = 1
    store_release64(&g.write, 0)


cdef void free_chain(Store* s, uint32_t n) noexcept nogil:
    """To the free list; it is in no other list."""
    cdef uint32_t chained
    while n:
        chained = s.segments[n].chain
        s.segments[n].state = SEGMENT_FREE
        s.segments[n].chain = 0
        s.segments[n].next = <uint32_t> s.r.free_list
        s.r.free_list = n
        s.r.segments_free += 1
        n = chained


cdef void free_locked(Store* s, uint32_t number) noexcept nogil:
    list_remove(s, number)
    free_chain(s, number)


cdef void segment_free(Store* s, uint32_t number) noexcept nogil:
    """Give back a segment no slot points at and no cell names."""
    lock_word(s, &s.r.segment_lock)
    free_locked(s, number)
    unlock_word(&s.r.segment_lock)


cdef void segment_free_large(Store* s, uint32_t number, uint64_t sequence) noexcept nogil:
    """Give back the chain of a large item whose slot is gone.  Whoever cleared the slot does so, but also the
    evictor on finding such a chain; the second to come sees that it is another by now, or none."""
    lock_word(s, &s.r.segment_lock)
    if s.segments[number].state == SEGMENT_LARGE and s.segments[number].sequence == sequence:
        free_locked(s, number)
    unlock_word(&s.r.segment_lock)


cdef void segment_move_to(Store* s, uint32_t number, int queue) noexcept nogil:
    """To the young end of a queue, as it is: how large items are relocated."""
    lock_word(s, &s.r.segment_lock)
    list_remove(s, number)
    list_append(s, number, queue)
    unlock_word(&s.r.segment_lock)


# -- sealing --

cdef void close_segment(Store* s, Segment* g) noexcept nogil:
    """No append fits any more; whoever was the first not to fit says where the items end."""
    cdef uint64_t old = fetch_add64(&g.write, (<uint64_t> 1) << 32)
    if old <= s.segment_bytes:
        store_release32(&g.end, <uint32_t> old)


cdef void segment_unopen(Store* s, uint32_t number) noexcept nogil:
    """Under segment_lock."""
    cdef Segment* g = s.segments + number
    cdef uint64_t* slot = &s.r.open[g.queue * TTL_CLASSES + g.ttl_class]
    if slot[0] == number:
        store_seq64(slot, 0)
    close_segment(s, g)
    g.state = SEGMENT_SEALED


cdef bint segment_seal(Store* s, uint32_t number) noexcept nogil:
    """Take it out of use for appends."""
    lock_word(s, &s.r.segment_lock)
    if s.segments[number].state == SEGMENT_OPEN:
        segment_unopen(s, number)
    unlock_word(&s.r.segment_lock)
    return True


cdef void segment_seal_all(Store* s) noexcept nogil:
    """And say that everything written so far is gone."""
    cdef int i
    cdef uint64_t number
    lock_word(s, &s.r.segment_lock)
    store_release64(&s.r.flush_sequence, s.r.next_sequence - 1)
    for i in range(QUEUES * TTL_CLASSES):
        number = s.r.open[i]
        if number:
            segment_unopen(s, <uint32_t> number)
    unlock_word(&s.r.segment_lock)


cdef bint segment_quiet(Store* s, uint32_t number) noexcept nogil:
    """Whether a sealed segment can be walked: its end is known, and nobody is writing in it or died so."""
    if load_acquire32(&s.segments[number].end) == END_OPEN:
        return False
    return segment_unnamed(s, number) and s.segments[number].torn == TORN_NOT


cdef bint segment_unnamed(Store* s, uint64_t number) noexcept nogil:
    """Whether no cell names it."""
    cdef int i, j
    cdef Process* p
    fence_seq()
    for i in range(1, PROCESSES_MAX + 1):
        p = &s.r.processes[i]
        if load_relaxed64(&p.pid) == 0:
            continue
        for j in range(CELLS):
            if load_acquire64(&p.cells[j].segment) == number:
                return False
    return True


# -- appending --

cdef Cell* cell_claim(Store* s, uint64_t number) noexcept nogil:
    """This thread's cell or a neighbour's, now naming `number`."""
    cdef Cell* cells = s.r.processes[s.process].cells
    cdef unsigned i = whimbrel_thread_number()
    cdef int turn = 0
    while True:
        if load_relaxed64(&cells[i % CELLS].segment) == 0 and cas_seq64(&cells[i % CELLS].segment, 0, number):
            return &cells[i % CELLS]
        i += 1
        turn += 1
        if turn % CELLS == 0:
            sched_yield()


cdef bint open_next(Store* s, int queue, int ttl, uint64_t old, int64_t now_ms, bint urgent) noexcept nogil:
    """Replace the open segment `old` (0: none) of queue and class; True also if somebody else just did."""
    cdef uint64_t* slot = &s.r.open[queue * TTL_CLASSES + ttl]
    cdef uint32_t number
    cdef Segment* g
    lock_word(s, &s.r.segment_lock)
    if slot[0] != old:
        unlock_word(&s.r.segment_lock)
        return True
    number = take(s, urgent)
    if number == 0:
        unlock_word(&s.r.segment_lock)
        return False
    if old:
        segment_unopen(s, <uint32_t> old)
    prepare(s, number, now_ms)
    g = s.segments + number
    g.ttl_class = <uint8_t> ttl
    g.state = SEGMENT_OPEN
    list_append(s, number, queue)
    fence_release()
    store_seq64(slot, number)
    unlock_word(&s.r.segment_lock)
    return True


cdef inline void raise_expiry(Segment* g, int64_t expire_ms) noexcept nogil:
    cdef uint64_t want = <uint64_t> (expire_ms if expire_ms else INT64_MAX)
    cdef uint64_t* at = <uint64_t*> &g.max_expire_ms
    cdef uint64_t seen = load_relaxed64(at)
    while seen < want and not cas64(at, seen, want):
        seen = load_relaxed64(at)


cdef bint segment_reserve(Store* s, int queue, int64_t expire_ms, int64_t now_ms, uint64_t size, bint urgent,
                          Place* place) noexcept nogil:
    """Bytes for one item of at most a segment.  On True the caller holds a cell, to be released after the
    item is published; on False there is no free segment and nothing is held."""
    cdef int ttl = ttl_class(s, expire_ms, now_ms)
    cdef uint64_t* slot = &s.r.open[queue * TTL_CLASSES + ttl]
    cdef uint64_t number, old
    cdef Segment* g
    cdef Cell* cell
    while True:
        number = load_acquire64(slot)
        if number == 0:
            if not open_next(s, queue, ttl, 0, now_ms, urgent):
                return False
            continue
        cell = cell_claim(s, number)
        if load_seq64(slot) != number:
            store_release64(&cell.segment, 0)
            continue
        g = s.segments + number
        old = fetch_add64(&g.write, size)
        if old + size <= s.segment_bytes:
            raise_expiry(g, expire_ms)
            place.cell = cell
            place.location = number << s.segment_shift | old
            place.at = s.heap + place.location
            return True
        if old <= s.segment_bytes:
            store_release32(&g.end, <uint32_t> old)
        store_release64(&cell.segment, 0)
        if not open_next(s, queue, ttl, number, now_ms, urgent):
            return False


cdef void segment_cancel(Store* s, Place* place, uint64_t size) noexcept nogil:
    """Bytes that were not needed go back, if nobody took any after them."""
    cdef Segment* g = segment_of(s, place.location)
    cdef uint64_t offset = place.location & s.segment_mask
    cas64(&g.write, offset + size, offset)
    store_release64(&place.cell.segment, 0)


cdef bint segment_large(Store* s, int queue, int64_t expire_ms, int64_t now_ms, uint64_t size,
                        Place* place) noexcept nogil:
    """A chain of whole segments for one item.  The first says the item is there; its bytes follow the chain."""
    cdef uint64_t wanted = (size + s.segment_bytes - 1) >> s.segment_shift
    cdef uint32_t first = 0, number
    cdef Segment* g
    place.cell = cell_claim(s, s.segments_max + 1)      # before the lock: a holder of cells may wait for the lock
    lock_word(s, &s.r.segment_lock)
    if segments_spare(s) < wanted + URGENT_SEGMENTS:
        unlock_word(&s.r.segment_lock)
        store_release64(&place.cell.segment, 0)
        return False
    for _ in range(wanted):
        number = take(s, True)
        if number == 0:             # the table has grown since: its limit is lowered without segment_lock
            free_chain(s, first)
            unlock_word(&s.r.segment_lock)
            store_release64(&place.cell.segment, 0)
            return False
        g = s.segments + number
        prepare(s, number, now_ms)
        g.state = SEGMENT_CHAINED
        g.write = s.segment_bytes + 1
        g.end = 0
        g.chain = first
        first = number
    g = s.segments + first
    g.ttl_class = <uint8_t> ttl_class(s, expire_ms, now_ms)
    g.max_expire_ms = expire_ms if expire_ms else INT64_MAX
    g.state = SEGMENT_LARGE
    g.spans = <uint32_t> wanted
    list_append(s, first, queue)
    fence_release()
    store_seq64(&place.cell.segment, first)
    place.location = <uint64_t> first << s.segment_shift
    place.at = s.heap + place.location
    unlock_word(&s.r.segment_lock)
    return True
