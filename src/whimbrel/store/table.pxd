# Finding a key: the part of the hash table that every read runs through, hence inline.
#
# A lookup looks at the home line; only if its spill bit is set at the other lines and the overflow chain.
# It trusts nothing it reads: an item behind a slot may be overwritten meanwhile, which the caller finds out
# by the group's version.

from libc.stdint cimport int64_t, uint32_t, uint64_t
from whimbrel.base.atomic cimport (
    cas64, fence_acquire, fence_release, load_acquire64, load_relaxed64, store_release64, store_relaxed64,
)
from whimbrel.base.slice cimport Slice
from whimbrel.store.item cimport Item, item_matches
from whimbrel.store.layout cimport (
    GROUP_WORDS, LINE_WORDS, OVERFLOW_LINES_MAX, OVERFLOW_MASK, OVERFLOW_SHIFT, OWNER_MASK, SPILL_SHIFT, Store,
    TAG_MASK, TAG_SHIFT, VERSION_SHIFT, group_at, group_index, hash_home, hash_tag, overflow_line, slot_location,
)
from whimbrel.store.process cimport process_wait


cdef bint group_insert(Store* s, uint64_t* group, uint64_t* header, uint64_t slot) noexcept nogil
cdef void group_clear(Store* s, uint64_t* group, uint64_t* header, uint64_t* at) noexcept nogil
cdef uint64_t* group_find_location(Store* s, uint64_t* group, uint64_t header, uint64_t location) noexcept nogil
cdef uint64_t* group_least_used(Store* s, uint64_t* group, uint64_t header) noexcept nogil
cdef size_t group_slots(const Store* s, const uint64_t* group, uint64_t header, uint64_t** out) noexcept nogil

cdef uint64_t header_repair(Store* s, uint64_t* group) noexcept nogil
cdef uint64_t overflow_take(Store* s) noexcept nogil
cdef void overflow_give(Store* s, uint64_t index) noexcept nogil

cdef enum:
    TAG_IN_SLOT = TAG_MASK << TAG_SHIFT
    GROUP_SLOTS_MAX = 59            # 31 and four overflow lines of 7


cdef inline bint location_valid(const Store* s, uint64_t location) noexcept nogil:
    return (location >> s.segment_shift) - 1 < s.segments_max


cdef inline uint64_t* line_find(Store* s, uint64_t* line, int first, Slice key, uint64_t tag,
                                Item* it) noexcept nogil:
    cdef int i
    cdef uint64_t slot, wanted = tag << TAG_SHIFT
    for i in range(first, LINE_WORDS):
        slot = load_acquire64(line + i)
        if (slot ^ wanted) & TAG_IN_SLOT or not location_valid(s, slot_location(slot)):
            continue
        if item_matches(s, slot_location(slot), key, it):
            it.slot = slot
            return line + i
    return NULL


cdef inline uint64_t* spill_find(Store* s, uint64_t* group, uint64_t header, int home, Slice key, uint64_t tag,
                                 Item* it) noexcept nogil:
    cdef int i
    cdef uint64_t* at
    cdef uint64_t* line
    cdef uint64_t next_line
    for i in range(4):
        if i != home:
            at = line_find(s, group + i * LINE_WORDS, i == 0, key, tag, it)
            if at != NULL:
                return at
    next_line = (header >> OVERFLOW_SHIFT) & OVERFLOW_MASK
    for _ in range(OVERFLOW_LINES_MAX):
        if next_line == 0 or next_line > s.r.overflow_max:
            break
        line = overflow_line(s, next_line)
        at = line_find(s, line, 1, key, tag, it)
        if at != NULL:
            return at
        next_line = load_relaxed64(line)
    return NULL


cdef inline uint64_t* group_find(Store* s, uint64_t* group, uint64_t header, Slice key, uint64_t hash,
                                 Item* it) noexcept nogil:
    """The slot of `key`, with its item decoded, or NULL."""
    cdef int home = hash_home(hash)
    cdef uint64_t* at = line_find(s, group + home * LINE_WORDS, home == 0, key, hash_tag(hash), it)
    if at == NULL and (header >> (SPILL_SHIFT + home)) & 1:
        at = spill_find(s, group, header, home, key, hash_tag(hash), it)
    return at


cdef inline uint64_t* group_find_place(Store* s, uint64_t* group, uint64_t header, uint64_t hash,
                                       uint64_t location) noexcept nogil:
    """The slot that points at `location`, where the item with this hash is, or NULL."""
    cdef int home = hash_home(hash), i
    for i in range(home * LINE_WORDS, home * LINE_WORDS + LINE_WORDS):
        if slot_location(load_relaxed64(group + i)) == location and i != 0:
            return group + i
    if (header >> (SPILL_SHIFT + home)) & 1:
        return group_find_location(s, group, header, location)
    return NULL


cdef inline uint64_t* group_of(const Store* s, uint64_t hash) noexcept nogil:
    return group_at(s, group_index(load_acquire64(&s.r.mapping), hash))


cdef inline uint64_t group_lock(Store* s, uint64_t* group) noexcept nogil:
    """Returns the header as it was, unlocked."""
    cdef uint64_t header
    cdef int turn = 0
    while True:
        header = load_relaxed64(group)
        if header & OWNER_MASK == 0 and cas64(group, header, header | s.process):
            fence_release()
            return header
        process_wait(s, group, OWNER_MASK, turn)
        turn += 1


cdef inline void group_unlock(uint64_t* group, uint64_t header) noexcept nogil:
    """With a new version."""
    store_release64(group, header + (<uint64_t> 1 << VERSION_SHIFT))


cdef inline void group_unlock_unchanged(uint64_t* group, uint64_t header) noexcept nogil:
    store_release64(group, header)


cdef inline uint64_t* group_lock_of(Store* s, uint64_t hash, uint64_t* header) noexcept nogil:
    """Lock the group the hash belongs to now."""
    cdef uint64_t* group
    while True:
        group = group_of(s, hash)
        header[0] = group_lock(s, group)
        if group_of(s, hash) == group:
            return group
        group_unlock_unchanged(group, header[0])
