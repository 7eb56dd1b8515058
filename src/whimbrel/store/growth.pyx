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
from whimbrel.base.atomic cimport fetch_add_relaxed64, load_acquire64, load_relaxed64, prefetch, store_release64
from whimbrel.base.hash cimport hash_bytes
from whimbrel.store.evict cimport chain_sequence, dispose
from whimbrel.store.item cimport Item, item_bytes, item_decode, item_key
from whimbrel.store.layout cimport (
    OWNER_MASK, Region, Store, group_at, groups_grown, mul_high, slot_location,
)
from whimbrel.store.process cimport try_lock_word, unlock_word
from whimbrel.store.segment cimport segments_retire
from whimbrel.store.table cimport (
    GROUP_SLOTS_MAX, group_clear, group_find_location, group_insert, group_least_used, group_lock, group_slots,
    group_unlock, header_repair,
)

cdef enum:
    OVERFLOW_SHARE = 5              # grow when there is an overflow line for every 5 groups: a mean of ~26 of 31
    TARGETS_MAX = 3


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
            return
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


cdef bint room(Store* s, uint64_t n) noexcept nogil:
    """Whether the larger table fits beside the segments in use."""
    return segments_retire(s, groups_grown(n) - n)


cdef bint growth_step(Store* s, int groups) noexcept nogil:
    """Move up to so many groups; returns whether there are more to move."""
    cdef Region* r = s.r
    cdef uint64_t mapping, n, cursor
    if not growth_wanted(s) or not try_lock_word(s, &r.grow_lock):
        return False
    while groups > 0 and growth_wanted(s):
        groups -= 1
        mapping = load_acquire64(&r.mapping)
        n = mapping >> 32
        cursor = <uint32_t> mapping
        if cursor == n:
            if not room(s, n):
                break
            fetch_add_relaxed64(&r.counters.table_grows, 1)
        migrate_group(s, n, cursor - 1)
    unlock_word(&r.grow_lock)
    return growth_wanted(s)
