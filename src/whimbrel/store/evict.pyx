"""Giving memory back: expired, flushed, empty and least valuable segments, a bounded slice at a time.

One evictor works at a time, wherever it is called from: puts do a little while the reserve of free segments is
low, store_maintain does the rest ahead of need.  A victim is sealed, walked item by item (each judged:
dropped or relocated), and then freed.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.base.atomic cimport fetch_add_relaxed64, load_acquire64, load_relaxed64, prefetch
from whimbrel.base.hash cimport hash_bytes
from whimbrel.base.slice cimport slice_of
from whimbrel.store.item cimport ITEM_CHAINED, Item, item_bytes, item_decode, item_key, item_live
from whimbrel.store.layout cimport (
    Evictor, QUEUES, SEGMENT_LARGE, SEGMENT_OPEN, SEGMENT_SEALED, Segment, Store, live_items, segment_of,
)
from whimbrel.store.process cimport try_lock_word, unlock_word
from whimbrel.store.segment cimport (
    live_sub, segment_free, segment_quiet, segment_seal, segments_spare,
)
from whimbrel.store.table cimport (
    group_clear, group_find_location, group_lock_of, group_of, group_unlock, group_unlock_unchanged,
)

cdef enum:                          # Evictor.reason
    REASON_EXPIRED = 1
    REASON_POLICY = 2

cdef enum:
    BATCH = 8                       # items whose groups are fetched from memory together
    TRIES = 8                       # segments a victim is looked for among, when writers are still in some


cdef bint evict_pressure(const Store* s) noexcept nogil:
    return segments_spare(s) < s.r.reserve


cdef void dispose(Store* s, uint64_t location, uint64_t bytes, bint chained) noexcept nogil:
    """After its slot is gone: whoever cleared the slot calls this, holding no lock and no cell."""
    live_sub(s, location, bytes)
    if chained:
        segment_free(s, <uint32_t> (location >> s.segment_shift))


# -- choosing --

cdef bint claim(Store* s, uint32_t number, int reason) noexcept nogil:
    """Make it the victim, if it can be walked now."""
    cdef Segment* g = s.segments + number
    cdef Evictor* e = &s.r.evictor
    if g.state == SEGMENT_OPEN:
        segment_seal(s, number)
    if g.state == SEGMENT_SEALED and not segment_quiet(s, number):
        return False
    e.offset = 0
    e.kept_bytes = 0
    e.reason = reason
    e.victim = number
    return True


cdef bint choose_dead(Store* s, int64_t now_ms, uint64_t headers) noexcept nogil:
    """The next segment in which nothing can be live, among so many headers."""
    cdef uint64_t n = load_relaxed64(&s.r.segments_bump) - 1
    cdef uint64_t i
    cdef Evictor* e = &s.r.evictor
    cdef Segment* g
    if headers > n:
        headers = n
    for i in range(headers):
        e.scan = e.scan + 1 if e.scan < n else 1
        g = s.segments + e.scan
        if g.state == SEGMENT_SEALED and live_items(load_relaxed64(&g.live)) == 0:
            if claim(s, <uint32_t> e.scan, REASON_EXPIRED):
                return True
        elif g.state == SEGMENT_OPEN or g.state == SEGMENT_SEALED or g.state == SEGMENT_LARGE:
            if g.sequence <= s.r.flush_sequence or (g.max_expire_ms != 0 and g.max_expire_ms <= now_ms):
                if claim(s, <uint32_t> e.scan, REASON_EXPIRED):
                    return True
    return False


cdef bint choose_oldest(Store* s) noexcept nogil:
    cdef int queue, tries = 0
    cdef uint32_t number
    for queue in range(QUEUES):
        number = s.r.lists[queue].head
        while number and tries < TRIES:
            if claim(s, number, REASON_POLICY):
                return True
            tries += 1
            number = s.segments[number].next
    return False


# -- walking --

cdef void drop(Store* s, const Item* it, bint live) noexcept nogil:
    if live:
        fetch_add_relaxed64(&s.r.counters.evicted_items, 1)
        fetch_add_relaxed64(&s.r.counters.evicted_bytes, item_bytes(it))
    else:
        fetch_add_relaxed64(&s.r.counters.expired_items, 1)


cdef bint reap_item(Store* s, const Item* it, uint64_t hash, int64_t now_ms) noexcept nogil:
    """Returns whether its slot was taken out."""
    cdef uint64_t header
    cdef uint64_t* group = group_lock_of(s, hash, &header)
    cdef uint64_t* at = group_find_location(s, group, header, it.location)
    if at == NULL:
        group_unlock_unchanged(group, header)
        return False
    group_clear(s, group, &header, at)
    group_unlock(group, header)
    drop(s, it, item_live(s, it, now_ms))
    return True


cdef void reap_large(Store* s, int64_t now_ms) noexcept nogil:
    cdef Evictor* e = &s.r.evictor
    cdef Item it
    cdef uint64_t location = <uint64_t> e.victim << s.segment_shift
    e.victim = 0
    if item_decode(s, location, &it) and it.bits & ITEM_CHAINED:
        if reap_item(s, &it, hash_bytes(item_key(&it), it.key_len, s.seed), now_ms):
            dispose(s, location, item_bytes(&it), True)


cdef void finish(Store* s) noexcept nogil:
    cdef Evictor* e = &s.r.evictor
    cdef uint32_t number = e.victim
    e.victim = 0
    segment_free(s, number)
    if e.reason == REASON_EXPIRED:
        fetch_add_relaxed64(&s.r.counters.expired_segments, 1)
    else:
        fetch_add_relaxed64(&s.r.counters.evicted_segments, 1)


cdef int reap(Store* s, int64_t now_ms, int steps) noexcept nogil:
    """Walk on through the victim; returns the items looked at."""
    cdef Evictor* e = &s.r.evictor
    cdef Segment* g = s.segments + e.victim
    cdef Item items[BATCH]
    cdef uint64_t hashes[BATCH]
    cdef int n = 0, i, limit = BATCH if steps > BATCH else steps
    cdef uint64_t base = <uint64_t> e.victim << s.segment_shift
    if g.state == SEGMENT_LARGE:
        reap_large(s, now_ms)
        return 4
    if live_items(load_acquire64(&g.live)) == 0:
        finish(s)
        return 1
    while n < limit and e.offset < g.end:
        if not item_decode(s, base + e.offset, &items[n]):
            e.offset = g.end
            break
        hashes[n] = hash_bytes(item_key(&items[n]), items[n].key_len, s.seed)
        prefetch(group_of(s, hashes[n]))
        prefetch(group_of(s, hashes[n]) + 8 * (hashes[n] & 3))
        e.offset += <uint32_t> item_bytes(&items[n])
        n += 1
    for i in range(n):
        if reap_item(s, &items[i], hashes[i], now_ms):
            live_sub(s, items[i].location, item_bytes(&items[i]))
    if e.offset >= g.end:
        finish(s)
    return n + 1


cdef bint evict_slice(Store* s, int64_t now_ms, int steps, uint64_t headers) noexcept nogil:
    """Look at about `steps` items, and at so many segment headers for dead segments first.  Returns whether
    more is waiting."""
    cdef Evictor* e = &s.r.evictor
    cdef bint more = True
    if not try_lock_word(s, &s.r.evict_lock):
        return True
    while steps > 0:
        if e.victim == 0 and not choose_dead(s, now_ms, headers):
            if not evict_pressure(s) or not choose_oldest(s):
                more = False
                break
        steps -= reap(s, now_ms, steps)
    unlock_word(&s.r.evict_lock)
    return more
