"""The lists and counts of segments made anew, after who was changing them died: all of it under segment_lock.

The states of segments are believed, for each is one store; what is between two states is put into one again.
"""

from libc.stdint cimport uint32_t, uint64_t
from whimbrel.base.atomic cimport load_acquire32, store_relaxed64, store_release64
from whimbrel.store.layout cimport (
    END_OPEN, QUEUES, Region, SEGMENT_CHAINED, SEGMENT_CLAIMED, SEGMENT_FREE, SEGMENT_LARGE, SEGMENT_OPEN,
    SEGMENT_SEALED, SEGMENT_UNUSED, Segment, Store, TORN_FOUND, TTL_CLASSES,
)
from whimbrel.store.segment cimport list_append, segment_unopen


cdef uint32_t merge_lists(Store* s, uint32_t a, uint32_t b) noexcept nogil:
    """Two lists in the order of their sequences into one."""
    cdef uint32_t first = 0, taken
    cdef uint32_t* tail = &first
    while a and b:
        taken = a if s.segments[a].sequence < s.segments[b].sequence else b
        if taken == a:
            a = s.segments[a].next
        else:
            b = s.segments[b].next
        tail[0] = taken
        tail = &s.segments[taken].next
    tail[0] = a if a else b
    return first


cdef uint32_t listed_by_age(Store* s, int queue) noexcept nogil:
    """The segments of a queue, linked from old to young: a merge sort with a list for every power of two."""
    cdef uint32_t sorted_lists[32]
    cdef uint32_t one
    cdef uint64_t i
    cdef int k
    cdef Segment* g
    for k in range(32):
        sorted_lists[k] = 0
    for i in range(1, s.r.segments_bump):
        g = s.segments + i
        if g.queue != queue or not (
                g.state == SEGMENT_OPEN or g.state == SEGMENT_SEALED or g.state == SEGMENT_LARGE):
            continue
        g.next = 0
        one = <uint32_t> i
        k = 0
        while sorted_lists[k]:
            one = merge_lists(s, sorted_lists[k], one)
            sorted_lists[k] = 0
            k += 1
        sorted_lists[k] = one
    one = 0
    for k in range(32):
        one = merge_lists(s, sorted_lists[k], one)
    return one


cdef void settle_states(Store* s) noexcept nogil:
    """What was between two states is in one again: a chain belongs to a large item or is free, and a segment
    is open only if appends find it."""
    cdef uint64_t i, spans
    cdef uint32_t number
    cdef Segment* g
    for i in range(1, s.r.segments_bump):
        if s.segments[i].state == SEGMENT_CHAINED:
            s.segments[i].prev = 0
    for i in range(1, s.r.segments_bump):
        if s.segments[i].state != SEGMENT_LARGE:
            continue
        number = s.segments[i].chain
        spans = 1
        while number and s.segments[number].state == SEGMENT_CHAINED:
            s.segments[number].prev = <uint32_t> i
            number = s.segments[number].chain
            spans += 1
        s.segments[i].spans = <uint32_t> spans
    for i in range(1, s.r.segments_bump):
        g = s.segments + i
        if g.state == SEGMENT_CLAIMED or (g.state == SEGMENT_CHAINED and g.prev == 0):
            g.state = SEGMENT_FREE
        elif g.state == SEGMENT_OPEN and (s.r.open[g.queue * TTL_CLASSES + g.ttl_class] != i
                                          or g.sequence <= s.r.flush_sequence):
            segment_unopen(s, <uint32_t> i)
        if g.state == SEGMENT_SEALED and load_acquire32(&g.end) == END_OPEN:
            g.torn = TORN_FOUND


cdef void segments_rebuild(Store* s) noexcept nogil:
    cdef Region* r = s.r
    cdef uint64_t i, used = 0, free_segments = 0
    cdef uint32_t number, following
    cdef int queue
    cdef Segment* g
    settle_states(s)
    for queue in range(QUEUES):
        number = listed_by_age(s, queue)
        r.lists[queue].head = r.lists[queue].tail = 0
        r.lists[queue].count = 0
        while number:
            following = s.segments[number].next
            list_append(s, number, queue)
            number = following
    r.free_list = 0
    r.retired_list = 0
    for i in range(r.segments_bump - 1, 0, -1):
        g = s.segments + i
        if g.state == SEGMENT_UNUSED:
            g.next = <uint32_t> r.retired_list
            r.retired_list = i
            continue
        used += 1
        if g.state == SEGMENT_FREE:
            free_segments += 1
            g.chain = 0
            g.next = <uint32_t> r.free_list
            r.free_list = i
    store_relaxed64(&r.segments_used, used)
    store_relaxed64(&r.segments_free, free_segments)
    store_release64(&r.sweep_wanted, 1)
