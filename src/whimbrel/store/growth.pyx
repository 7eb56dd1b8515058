"""Growing the hash table in place, by an eighth, one group at a time.

n groups become grown(n).  The index is the hash's high product with the number of groups, so every item's
new index is at least its old one, and the last group can always be moved first:

    groups       0 ........ cursor-1 | cursor ............ n-1 | n ........ grown(n)-1
                 looked up with n    |      looked up with grown(n)

Each step locks the group before the cursor and the (at most three) groups its items go to, places copies of
the slots there, moves the cursor, and only then clears the old ones: killed anywhere in between, whoever
repairs the groups (death.pyx) drops the copies the cursor does not lead to.
"""

from libc.stdint cimport uint32_t, uint64_t
from whimbrel.base.atomic cimport (
    fetch_add_relaxed64, load_acquire64, load_relaxed64, prefetch, store_relaxed64, store_release64,
)
from whimbrel.base.hash cimport hash_bytes
from whimbrel.store.evict cimport chain_sequence, dispose
from whimbrel.store.item cimport Item, item_bytes, item_decode, item_key
from whimbrel.store.layout cimport (
    Region, SEGMENT_RETIRING, SEGMENT_UNUSED, Store, group_at, groups_grown, mul_high, slot_location,
)
from whimbrel.store.process cimport lock_word, try_lock_word, unlock_word
from whimbrel.store.segment cimport URGENT_SEGMENTS, group_cost, segments_allowed
from whimbrel.store.table cimport (
    GROUP_SLOTS_MAX, group_clear, group_insert, group_least_used, group_lock, group_slots, group_unlock,
)

cdef extern from "<sys/mman.h>" nogil:
    int madvise(void* addr, size_t size, int advice)
    int MADV_REMOVE, MADV_DONTNEED

cdef enum:
    OVERFLOW_SHARE = 5              # grow when there is an overflow line for every 5 groups: a mean of ~26 of 31
    TARGETS_MAX = 3
    SEGMENTS_LEFT_MIN = 6           # the table takes no more than leaves so many


cdef bint growth_wanted(const Store* s) noexcept nogil:
    cdef uint64_t mapping = load_relaxed64(&s.r.mapping)
    cdef uint64_t n = mapping >> 32
    if <uint32_t> mapping < n:
        return True
    return load_relaxed64(&s.r.overflow_used) * OVERFLOW_SHARE > n and groups_grown(n) <= s.r.groups_max


cdef void place(Store* s, uint64_t* group, uint64_t* header, uint64_t slot) noexcept nogil:
    """A copy of the slot; an overfull target loses its least used item."""
    cdef Item it
    cdef uint64_t* at
    cdef uint64_t sequence
    while not group_insert(s, group, header, slot):
        at = group_least_used(s, group, header[0])
        fetch_add_relaxed64(&s.r.counters.table_full_evictions, 1)
        if not item_decode(s, slot_location(at[0]), &it):
            group_clear(s, group, header, at)
            continue
        sequence = chain_sequence(s, &it)
        group_clear(s, group, header, at)
        dispose(s, it.location, item_bytes(&it), sequence)


cdef void migrate_group(Store* s, uint64_t n, uint64_t index) noexcept nogil:
    cdef uint64_t grown = groups_grown(n)
    cdef uint64_t low = index * grown // n
    cdef uint64_t high = ((index + 1) * grown - 1) // n
    cdef uint64_t* group = group_at(s, index)
    cdef uint64_t* slots[GROUP_SLOTS_MAX]
    cdef uint64_t moves_to[GROUP_SLOTS_MAX]
    cdef uint64_t headers[TARGETS_MAX]
    cdef uint64_t header, target
    cdef size_t count, i
    cdef Item it
    store_release64(&s.r.migrating, n << 32 | (index + 1))
    header = group_lock(s, group)
    if low == index:
        low += 1
    for target in range(low, high + 1):
        headers[target - low] = group_lock(s, group_at(s, target))
    count = group_slots(s, group, header, slots)
    for i in range(count):
        if slots[i][0]:
            prefetch(s.heap + slot_location(slots[i][0]))
    for i in range(count):
        moves_to[i] = index
        if slots[i][0] and item_decode(s, slot_location(slots[i][0]), &it):
            moves_to[i] = mul_high(hash_bytes(item_key(&it), it.key_len, s.seed), grown)
            if moves_to[i] != index and low <= moves_to[i] <= high:
                place(s, group_at(s, moves_to[i]), &headers[moves_to[i] - low], slots[i][0])
    store_release64(&s.r.mapping, n << 32 | index if index else grown << 32 | grown)
    for i in range(count):
        if moves_to[i] != index:
            group_clear(s, group, &header, slots[i])
    for target in range(low, high + 1):
        group_unlock(group_at(s, target), headers[target - low])
    group_unlock(group, header)
    store_release64(&s.r.migrating, 0)


# -- room for it: segments go back to the kernel --

cdef uint32_t retire_one(Store* s, uint64_t allowed) noexcept nogil:
    """Out of the free list, if more are in use than allowed."""
    cdef Region* r = s.r
    cdef uint32_t number = 0
    lock_word(s, &r.segment_lock)
    if r.segments_used > allowed and r.segments_free > URGENT_SEGMENTS:
        number = <uint32_t> r.free_list
        r.free_list = s.segments[number].next
        s.segments[number].state = SEGMENT_RETIRING
        store_relaxed64(&r.retiring, number)
        r.segments_free -= 1
    unlock_word(&r.segment_lock)
    return number


cdef void give_back(Store* s, uint32_t number) noexcept nogil:
    cdef Region* r = s.r
    if s.segments[number].state == SEGMENT_RETIRING:
        pages_return(s.heap + (<uint64_t> number << s.segment_shift), s.segment_bytes)
    lock_word(s, &r.segment_lock)
    if s.segments[number].state == SEGMENT_RETIRING:
        s.segments[number].state = SEGMENT_UNUSED
        s.segments[number].next = <uint32_t> r.retired_list
        r.retired_list = number
        r.segments_used -= 1
    store_relaxed64(&r.retiring, 0)
    unlock_word(&r.segment_lock)


cdef void pages_return(void* pages, uint64_t size) noexcept nogil:
    """To the kernel: shared memory and files have holes punched into them, which private memory refuses."""
    if madvise(pages, size, MADV_REMOVE) != 0:
        madvise(pages, size, MADV_DONTNEED)


cdef bint segments_retire(Store* s, uint64_t groups) noexcept nogil:
    """Make room for so many more groups of the table: free segments go back to the kernel.  False if there are too
    few of them now; Region.growth_deficit then asks the evictor for more.  It asks for the whole step, because what
    has gone back already counts as spare until the table has grown.  If it is 0, the table can never grow."""
    cdef Region* r = s.r
    cdef uint64_t allowed = segments_allowed(s)
    cdef uint64_t used, segments = (groups * group_cost(s) + s.segment_bytes - 1) >> s.segment_shift
    cdef uint32_t number
    allowed = allowed - segments if allowed > segments else 0
    if allowed < SEGMENTS_LEFT_MIN:
        store_relaxed64(&r.growth_deficit, 0)
        return False
    while True:
        used = load_relaxed64(&r.segments_used)
        if used <= allowed:
            break
        number = <uint32_t> load_relaxed64(&r.retiring)     # of a grower that died
        if number == 0:
            number = retire_one(s, allowed)
        if number == 0:
            store_relaxed64(&r.growth_deficit, used - allowed if used - allowed > segments else segments)
            return False
        give_back(s, number)
    store_relaxed64(&r.growth_deficit, 0)
    return True


cdef bint room(Store* s, uint64_t n) noexcept nogil:
    """Whether the larger table fits beside the segments in use."""
    return segments_retire(s, groups_grown(n) - n)


cdef bint growth_step(Store* s, int groups) noexcept nogil:
    """Move up to so many groups; returns whether there are more to move."""
    cdef Region* r = s.r
    cdef uint64_t mapping, n, cursor
    cdef bint possible = True
    if not growth_wanted(s):
        if load_relaxed64(&r.growth_deficit):
            store_relaxed64(&r.growth_deficit, 0)
        return False
    if not try_lock_word(s, &r.grow_lock):
        return False
    while groups > 0 and growth_wanted(s):
        groups -= 1
        mapping = load_acquire64(&r.mapping)
        n = mapping >> 32
        cursor = <uint32_t> mapping
        if cursor == n:
            if not room(s, n):
                possible = load_relaxed64(&r.growth_deficit) != 0
                break
            fetch_add_relaxed64(&r.counters.table_grows, 1)
        migrate_group(s, n, cursor - 1)
    unlock_word(&r.grow_lock)
    return possible and growth_wanted(s)
