"""Giving memory back: expired, flushed, empty and least valuable segments, a bounded slice at a time.

One evictor works at a time, wherever it is called from: puts do a little while the reserve of free segments is
low, store_maintain does the rest ahead of need.  A victim is sealed, walked item by item (each judged:
dropped or relocated), and then freed.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy
from whimbrel.base.atomic cimport (
    cas64, fence_acquire, fetch_add_relaxed64, load_acquire64, load_relaxed64, prefetch, store_relaxed64,
    store_release64,
)
from whimbrel.base.hash cimport hash_bytes
from whimbrel.store.death cimport inspect_process, sweep_step
from whimbrel.store.item cimport (
    ITEM_CAS, ITEM_CHAINED, Item, item_bytes, item_decode, item_encode, item_key, item_live,
)
from whimbrel.store.layout cimport (
    ACCESS_MASK, Evictor, FETCHED_BIT, FREQ_MAX, FREQ_SHIFT, LINE_WORDS, OWNER_MASK, QUEUES, SEGMENT_LARGE,
    SEGMENT_OPEN, SEGMENT_SEALED, Segment, Store, TOKEN_BIT, access_decode, access_encode, ghosts_beside, hash_home,
    identity_of, live_bytes, live_items, segment_of, slot_freq, slot_location, slot_make,
)
from whimbrel.store.policy cimport JUDGE_DROP, policy_of
from whimbrel.store.process cimport try_lock_word, unlock_word
from whimbrel.store.segment cimport (
    Place, cell_release, live_add, live_sub, segment_cancel, segment_free, segment_free_large, segment_move_to,
    segment_quiet, segment_reserve, segment_seal, segments_spare,
)
from whimbrel.store.table cimport (
    group_clear, group_find_place, group_lock_of, group_of, group_unlock, group_unlock_unchanged,
)

cdef enum:                          # Evictor.reason
    REASON_EXPIRED = 1
    REASON_POLICY = 2
    REASON_COMPACT = 3

cdef enum:
    COMPACT_HEADERS = 512           # segments among which the deadest is looked for: 1-2 us for each victim
    COMPACT_LIVE_PART = 2           # compact what is live by no more than this part of it: that frees as much ...
    COMPACT_DEAD_PART = 8           # ... while at least this part of them all is dead: else FIFO order is worth more
    BATCH = 8                       # items whose groups are fetched from memory together
    RELOCATE_TRIES = 2              # a token given to a client meanwhile makes the item 8 bytes longer
    TRIES = 8                       # segments a victim is looked for among, when writers are still in some


cdef bint evict_pressure(const Store* s) noexcept nogil:
    cdef uint64_t wanted = load_relaxed64(&s.r.growth_deficit) + load_relaxed64(&s.r.large_wanted)
    return segments_spare(s) < s.r.reserve + wanted


cdef uint64_t chain_sequence(const Store* s, const Item* it) noexcept nogil:
    """Of a large item's chain, to be read before its slot is cleared; 0 for any other item."""
    return segment_of(s, it.location).sequence if it.bits & ITEM_CHAINED else 0


cdef void dispose(Store* s, uint64_t location, uint64_t bytes, uint64_t chain_sequence) noexcept nogil:
    """Whoever clears a slot calls this before unlocking its group: so the evictor, who asks every group about
    the items of a segment before it frees it, cannot free it earlier than it is counted out of it."""
    if chain_sequence:
        segment_free_large(s, <uint32_t> (location >> s.segment_shift), chain_sequence)
    else:
        live_sub(s, location, bytes)


# -- choosing --

cdef bint claim(Store* s, uint32_t number, int reason) noexcept nogil:
    """Make it the victim, if it can be walked now."""
    cdef Segment* g = s.segments + number
    cdef Evictor* e = &s.r.evictor
    cdef uint64_t sequence = g.sequence
    segment_seal(s, number)
    fence_acquire()
    if (g.state != SEGMENT_SEALED and g.state != SEGMENT_LARGE) or not segment_quiet(s, number):
        return False
    e.offset = 0
    e.reason = reason
    e.sequence = sequence
    e.victim = number
    return True


cdef bint choose_dead(Store* s, int64_t now_ms, uint64_t headers) noexcept nogil:
    """The next segment in which nothing can be live, among so many headers."""
    cdef uint64_t n = load_relaxed64(&s.r.segments_bump) - 1
    cdef Evictor* e = &s.r.evictor
    cdef Segment* g
    if headers > n:
        headers = n
    for _ in range(headers):
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


cdef bint choose_compact(Store* s) noexcept nogil:
    """The segment with the most dead bytes, overwritten or deleted, while there are many of those: what is live
    in it moves to the young end of its own queue, and nothing has to be evicted."""
    cdef uint64_t n = load_relaxed64(&s.r.segments_bump) - 1
    cdef uint64_t headers = n if n < COMPACT_HEADERS else COMPACT_HEADERS
    cdef uint64_t live, ends = 0, dead = 0, most = 0
    cdef Evictor* e = &s.r.evictor
    cdef uint32_t best = 0
    cdef Segment* g
    for _ in range(headers):
        e.scan = e.scan + 1 if e.scan < n else 1
        g = s.segments + e.scan
        if g.state != SEGMENT_SEALED or g.end > s.segment_bytes:
            continue
        live = live_bytes(load_relaxed64(&g.live))
        ends += g.end
        if live >= g.end:
            continue
        dead += g.end - live
        if g.end - live > most and live * COMPACT_LIVE_PART <= g.end:
            most = g.end - live
            best = <uint32_t> e.scan
    return best != 0 and dead * COMPACT_DEAD_PART >= ends and claim(s, best, REASON_COMPACT)


cdef bint choose_policy(Store* s) noexcept nogil:
    """The oldest segment of the queue the policy names, or of the other where that has none to give."""
    cdef int first = policy_of(s).victim(s), i, tries
    cdef uint32_t number
    for i in range(QUEUES):
        number = s.r.lists[(first + i) % QUEUES].head
        tries = 0
        while number and tries < TRIES:
            if claim(s, number, REASON_POLICY):
                return True
            tries += 1
            number = s.segments[number].next
    return False


# -- walking --

cdef void count_dropped(Store* s, const Item* it, uint64_t hash, int queue, bint live) noexcept nogil:
    if live:
        fetch_add_relaxed64(&s.r.counters.evicted_items, 1)
        fetch_add_relaxed64(&s.r.counters.evicted_bytes, item_bytes(it))
        policy_of(s).dropped(s, queue, hash, it)
    else:
        fetch_add_relaxed64(&s.r.counters.expired_items, 1)


cdef bint take_out(Store* s, const Item* it, uint64_t hash, int64_t now_ms) noexcept nogil:
    """Returns whether its slot was there."""
    cdef uint64_t header
    cdef uint64_t* group = group_lock_of(s, hash, &header)
    cdef uint64_t* at = group_find_place(s, group, header, hash, it.location)
    cdef int queue = segment_of(s, it.location).queue
    if at == NULL:
        group_unlock_unchanged(group, header)
        return False
    group_clear(s, group, &header, at)
    group_unlock(group, header)
    count_dropped(s, it, hash, queue, item_live(s, it, now_ms))
    return True


cdef inline uint64_t slot_moved(const Store* s, uint64_t slot, uint64_t location, uint64_t hash, int freq,
                                int64_t now_ms) noexcept nogil:
    """The slot at a new place: the last access is counted from another segment's opening now."""
    cdef int64_t accessed_s = (segment_of(s, slot_location(slot)).base_s
                               + <int64_t> access_decode(slot & ACCESS_MASK))
    cdef int64_t since = accessed_s - <int64_t> segment_of(s, location).base_s
    cdef uint64_t touch = slot & (FETCHED_BIT | TOKEN_BIT) | <uint64_t> freq << FREQ_SHIFT
    return slot_make(location, hash, touch | access_encode(<uint64_t> since if since > 0 else 0))


cdef uint64_t copy_item(Store* s, const Item* it, bint token, const Place* place) noexcept nogil:
    """Its bytes at the new place, with its token in it if somebody knows that; returns its size there."""
    cdef Item moved = it[0]
    cdef uint32_t n
    if token and not it.bits & ITEM_CAS:
        moved.bits |= ITEM_CAS
        moved.cas = identity_of(s, segment_of(s, it.location), it.location)
    n = item_encode(place.at, &moved)
    memcpy(place.at + n, it.at + it.header_len, <size_t> it.key_len + it.value_len)
    return <uint64_t> n + it.key_len + it.value_len


cdef bint relocate(Store* s, const Item* it, uint64_t hash, uint64_t slot, int verdict, int64_t now_ms) noexcept nogil:
    """Append again and swing the slot over; False if there was no room or the slot has changed (or everything was
    flushed: the copy may already be in a segment opened after that), with nothing changed."""
    cdef Place place
    cdef uint64_t header, size = item_bytes(it)
    cdef bint token = (slot & TOKEN_BIT) != 0
    cdef uint64_t* group
    cdef uint64_t* at
    if token and not it.bits & ITEM_CAS:
        size += 8
    if size > s.segment_bytes or not segment_reserve(s, verdict >> 3, it.expire_ms, now_ms, size, True, &place):
        return False
    copy_item(s, it, token, &place)
    group = group_lock_of(s, hash, &header)
    at = group_find_place(s, group, header, hash, it.location)
    if at == NULL or ((at[0] & TOKEN_BIT) != 0) != token or not item_live(s, it, now_ms):
        group_unlock_unchanged(group, header)
        segment_cancel(s, &place, size)
        return False
    live_add(s, place.location, size)
    store_release64(at, slot_moved(s, at[0], place.location, hash, verdict & 7, now_ms))
    group_unlock(group, header)
    cell_release(&place)
    fetch_add_relaxed64(&s.r.counters.relocated_items, 1)
    return True


cdef uint64_t find_slot(Store* s, uint64_t hash, uint64_t location) noexcept nogil:
    """The slot that points at `location`, 0 if none does: an item that was overwritten or deleted."""
    cdef uint64_t header, slot
    cdef uint64_t* group = group_of(s, hash)
    cdef uint64_t* at
    header = load_acquire64(group)
    if header & OWNER_MASK == 0:
        at = group_find_place(s, group, header, hash, location)
        slot = load_relaxed64(at) if at != NULL else 0
        fence_acquire()
        if load_relaxed64(group) == header and group_of(s, hash) == group:
            return slot if slot_location(slot) == location else 0
    group = group_lock_of(s, hash, &header)
    at = group_find_place(s, group, header, hash, location)
    slot = load_relaxed64(at) if at != NULL else 0
    group_unlock_unchanged(group, header)
    return slot


cdef void reap_item(Store* s, const Item* it, uint64_t hash, int64_t now_ms) noexcept nogil:
    """Drop or relocate it, if a slot points at it at all."""
    cdef uint64_t slot
    cdef int verdict
    for _ in range(RELOCATE_TRIES):
        slot = find_slot(s, hash, it.location)
        if slot == 0:
            return
        if not item_live(s, it, now_ms):
            break
        if s.r.evictor.reason == REASON_POLICY:
            verdict = policy_of(s).judge(s, segment_of(s, it.location).queue, slot, it)
        else:
            verdict = segment_of(s, it.location).queue << 3 | slot_freq(slot)
        if verdict == JUDGE_DROP:
            break
        if relocate(s, it, hash, slot, verdict, now_ms):
            live_sub(s, it.location, item_bytes(it))
            return
    if take_out(s, it, hash, now_ms):
        live_sub(s, it.location, item_bytes(it))


cdef bint large_stays(Store* s, uint64_t* at, Item* it, int64_t now_ms) noexcept nogil:
    """A large item the policy wants to keep goes to the young end of its queue as it is.  Under its group's
    lock."""
    cdef uint32_t number = <uint32_t> (it.location >> s.segment_shift)
    cdef int verdict = JUDGE_DROP
    cdef uint64_t slot
    if s.r.evictor.reason == REASON_POLICY and item_live(s, it, now_ms):
        verdict = policy_of(s).judge(s, s.segments[number].queue, at[0], it)
    if verdict == JUDGE_DROP:
        return False
    segment_move_to(s, number, verdict >> 3)
    while True:                     # readers mark the slot, and that its token was given must not be lost
        slot = load_relaxed64(at)
        if cas64(at, slot, slot & ~<uint64_t> (FREQ_MAX << FREQ_SHIFT) | <uint64_t> (verdict & 7) << FREQ_SHIFT):
            return True


cdef void reap_large(Store* s, int64_t now_ms) noexcept nogil:
    """No cell names it: without a slot it is somebody's who is about to give it back, or who died before."""
    cdef Evictor* e = &s.r.evictor
    cdef Item it
    cdef uint64_t location = <uint64_t> e.victim << s.segment_shift, header, hash
    cdef uint64_t* group
    cdef uint64_t* at
    cdef uint32_t number = e.victim
    cdef bint stays = False
    e.victim = 0
    if item_decode(s, location, &it) and it.bits & ITEM_CHAINED:
        hash = hash_bytes(item_key(&it), it.key_len, s.seed)
        group = group_lock_of(s, hash, &header)
        at = group_find_place(s, group, header, hash, location)
        if at == NULL or not item_decode(s, location, &it) or not it.bits & ITEM_CHAINED:
            group_unlock_unchanged(group, header)
        elif large_stays(s, at, &it, now_ms):
            group_unlock(group, header)
            stays = True
        else:
            group_clear(s, group, &header, at)
            group_unlock(group, header)
            count_dropped(s, &it, hash, s.segments[number].queue, item_live(s, &it, now_ms))
    if not stays:
        segment_free_large(s, number, e.sequence)


cdef void finish(Store* s) noexcept nogil:
    cdef Evictor* e = &s.r.evictor
    cdef uint32_t number = e.victim
    e.victim = 0
    segment_free(s, number)
    if e.reason == REASON_EXPIRED:
        fetch_add_relaxed64(&s.r.counters.expired_segments, 1)
    elif e.reason == REASON_COMPACT:
        fetch_add_relaxed64(&s.r.counters.compacted_segments, 1)
    else:
        policy_of(s).emptied(s)
        fetch_add_relaxed64(&s.r.counters.evicted_segments, 1)


cdef int reap(Store* s, int64_t now_ms, int steps) noexcept nogil:
    """Walk on through the victim; returns the items looked at."""
    cdef Evictor* e = &s.r.evictor
    cdef Segment* g = s.segments + e.victim
    cdef Item items[BATCH]
    cdef uint64_t hashes[BATCH]
    cdef uint64_t* group
    cdef int n = 0, i, limit = BATCH if steps > BATCH else steps
    cdef uint64_t base = <uint64_t> e.victim << s.segment_shift
    cdef int state = g.state        # read once, and before the sequence: a large item's segment may be freed meanwhile
    fence_acquire()
    if load_relaxed64(&g.sequence) != e.sequence or (state != SEGMENT_SEALED and state != SEGMENT_LARGE):
        e.victim = 0
        return 1
    if state == SEGMENT_LARGE:
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
        group = group_of(s, hashes[n])
        prefetch(group)
        prefetch(group + LINE_WORDS * hash_home(hashes[n]))
        prefetch(ghosts_beside(s, group))
        e.offset += <uint32_t> item_bytes(&items[n])
        n += 1
    for i in range(n):
        reap_item(s, &items[i], hashes[i], now_ms)
    if e.offset >= g.end:
        finish(s)
    return n + 1


cdef bint evict_slice(Store* s, int64_t now_ms, int steps, uint64_t headers) noexcept nogil:
    """Look at about `steps` items, and at so many segment headers for dead segments first.  Returns whether
    more is waiting."""
    cdef Evictor* e = &s.r.evictor
    cdef bint more = True
    inspect_process(s)
    if not try_lock_word(s, &s.r.evict_lock):
        return True
    steps -= sweep_step(s, steps)
    while steps > 0:
        if e.victim == 0 and not choose_dead(s, now_ms, headers):
            if not evict_pressure(s) or not (choose_compact(s) or choose_policy(s)):
                store_relaxed64(&s.r.large_wanted, 0)
                more = False
                break
        steps -= reap(s, now_ms, steps)
    unlock_word(&s.r.evict_lock)
    return more or load_relaxed64(&s.r.sweep_wanted) or s.r.evictor.sweeping
