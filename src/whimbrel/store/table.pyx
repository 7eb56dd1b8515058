"""Changing a group: placing, clearing and finding slots.  All of it under the group's lock."""

from libc.stdint cimport uint32_t, uint64_t
from whimbrel.base.atomic cimport (
    cas64, fetch_add_relaxed64, load_acquire64, load_relaxed64, store_relaxed64, store_release64,
)
from whimbrel.store.layout cimport (
    GROUP_WORDS, LINE_WORDS, OVERFLOW_LINES_MAX, OVERFLOW_MASK, OVERFLOW_SHIFT, OWNER_MASK, Region, SPILL_SHIFT,
    Store, overflow_line, slot_freq, slot_home, slot_location,
)


# -- overflow lines: a stack of free ones (a tag against ABA), then never used ones --

cdef uint64_t overflow_take(Store* s) noexcept nogil:
    """A zeroed line's index, or 0."""
    cdef Region* r = s.r
    cdef uint64_t head, index, bump
    while True:
        head = load_acquire64(&r.overflow_free)
        index = <uint32_t> head
        if index == 0:
            break
        if cas64(&r.overflow_free, head, ((head >> 32) + 1) << 32 | <uint32_t> load_relaxed64(overflow_line(s, index))):
            store_relaxed64(overflow_line(s, index), 0)
            fetch_add_relaxed64(&r.overflow_used, 1)
            return index
    while True:
        bump = load_relaxed64(&r.overflow_bump)
        if bump > r.overflow_max:
            return 0
        if cas64(&r.overflow_bump, bump, bump + 1):
            fetch_add_relaxed64(&r.overflow_used, 1)
            return bump


cdef void overflow_give(Store* s, uint64_t index) noexcept nogil:
    cdef Region* r = s.r
    cdef uint64_t head
    while True:
        head = load_acquire64(&r.overflow_free)
        store_relaxed64(overflow_line(s, index), <uint32_t> head)
        if cas64(&r.overflow_free, head, ((head >> 32) + 1) << 32 | index):
            fetch_add_relaxed64(&r.overflow_used, <uint64_t> -1)
            return


# -- groups --

cdef size_t group_slots(const Store* s, const uint64_t* group, uint64_t header, uint64_t** out) noexcept nogil:
    """Addresses of all the slots a group has, used or not."""
    cdef size_t n = 0
    cdef int i
    cdef uint64_t index = (header >> OVERFLOW_SHIFT) & OVERFLOW_MASK
    cdef uint64_t* line
    for i in range(1, GROUP_WORDS):
        out[n] = <uint64_t*> group + i
        n += 1
    for _ in range(OVERFLOW_LINES_MAX):
        if index == 0 or index > s.r.overflow_max:
            break
        line = overflow_line(s, index)
        for i in range(1, LINE_WORDS):
            out[n] = line + i
            n += 1
        index = load_relaxed64(line)
    return n


cdef inline uint64_t* line_free(uint64_t* line, int first) noexcept nogil:
    cdef int i
    for i in range(first, LINE_WORDS):
        if line[i] == 0:
            return line + i
    return NULL


cdef void header_set(uint64_t* group, uint64_t* header, uint64_t value) noexcept nogil:
    """Still locked: lookups by whoever comes after a crash must find what is placed next."""
    cdef uint64_t locked = load_relaxed64(group)
    header[0] = value
    store_release64(group, value | (locked & 255))


cdef uint64_t* overflow_free_slot(Store* s, uint64_t* group, uint64_t* header) noexcept nogil:
    """A free slot in the chain, which gets a line more if it may; or NULL."""
    cdef uint64_t index = (header[0] >> OVERFLOW_SHIFT) & OVERFLOW_MASK
    cdef uint64_t* line = NULL
    cdef uint64_t* at
    cdef int lines = 0
    while index:
        line = overflow_line(s, index)
        at = line_free(line, 1)
        if at != NULL:
            return at
        lines += 1
        index = load_relaxed64(line)
    if lines == OVERFLOW_LINES_MAX:
        return NULL
    index = overflow_take(s)
    if index == 0:
        return NULL
    if line == NULL:
        header_set(group, header, header[0] | index << OVERFLOW_SHIFT)
    else:
        store_release64(line, index)
    return overflow_line(s, index) + 1


cdef bint group_insert(Store* s, uint64_t* group, uint64_t* header, uint64_t slot) noexcept nogil:
    """Place a slot; False if the group and its chain are full."""
    cdef int home = slot_home(slot), i
    cdef uint64_t* at = line_free(group + home * LINE_WORDS, home == 0)
    if at == NULL:
        for i in range(4):
            if i != home:
                at = line_free(group + i * LINE_WORDS, i == 0)
                if at != NULL:
                    break
        if at == NULL:
            at = overflow_free_slot(s, group, header)
        if at == NULL:
            return False
        header_set(group, header, header[0] | <uint64_t> 1 << (SPILL_SHIFT + home))
    store_release64(at, slot)
    return True


cdef inline bint in_line(const uint64_t* at, const uint64_t* line) noexcept nogil:
    return line <= at and at < line + LINE_WORDS


cdef inline bint line_has_home(const uint64_t* line, int first, int home) noexcept nogil:
    cdef int i
    for i in range(first, LINE_WORDS):
        if line[i] != 0 and slot_home(line[i]) == home:
            return True
    return False


cdef void unspill(Store* s, uint64_t* group, uint64_t* header, int home) noexcept nogil:
    """Take the spill bit of a line back if none of its items is elsewhere any more."""
    cdef uint64_t index = (header[0] >> OVERFLOW_SHIFT) & OVERFLOW_MASK
    cdef int i
    for i in range(4):
        if i != home and line_has_home(group + i * LINE_WORDS, i == 0, home):
            return
    for _ in range(OVERFLOW_LINES_MAX):
        if index == 0 or index > s.r.overflow_max:
            break
        if line_has_home(overflow_line(s, index), 1, home):
            return
        index = load_relaxed64(overflow_line(s, index))
    header_set(group, header, header[0] & ~(<uint64_t> 1 << (SPILL_SHIFT + home)))


cdef void overflow_trim(Store* s, uint64_t* group, uint64_t* header) noexcept nogil:
    """Unlink lines that have become empty."""
    cdef uint64_t index = (header[0] >> OVERFLOW_SHIFT) & OVERFLOW_MASK
    cdef uint64_t following
    cdef uint64_t* before = NULL
    cdef uint64_t* line
    cdef int i
    cdef bint empty
    while index:
        line = overflow_line(s, index)
        following = load_relaxed64(line)
        empty = True
        for i in range(1, LINE_WORDS):
            if line[i] != 0:
                empty = False
                break
        if not empty:
            before = line
        else:
            if before == NULL:
                header_set(group, header,
                           (header[0] & ~(<uint64_t> OVERFLOW_MASK << OVERFLOW_SHIFT)) | following << OVERFLOW_SHIFT)
            else:
                store_release64(before, following)
            overflow_give(s, index)
        index = following


cdef void group_clear(Store* s, uint64_t* group, uint64_t* header, uint64_t* at) noexcept nogil:
    cdef int home = slot_home(at[0])
    cdef bint away = not in_line(at, group + home * LINE_WORDS)
    store_release64(at, 0)
    if away:
        if not in_group(at, group):
            overflow_trim(s, group, header)
        unspill(s, group, header, home)


cdef inline bint in_group(const uint64_t* at, const uint64_t* group) noexcept nogil:
    return group <= at and at < group + GROUP_WORDS


cdef uint64_t* group_find_location(Store* s, uint64_t* group, uint64_t header, uint64_t location) noexcept nogil:
    """The slot that points at `location`, or NULL."""
    cdef uint64_t* slots[GROUP_SLOTS_MAX]
    cdef size_t n = group_slots(s, group, header, slots), i
    for i in range(n):
        if slot_location(load_relaxed64(slots[i])) == location:
            return slots[i]
    return NULL


cdef uint64_t* group_least_used(Store* s, uint64_t* group, uint64_t header) noexcept nogil:
    cdef uint64_t* slots[GROUP_SLOTS_MAX]
    cdef uint64_t* least = NULL
    cdef size_t n = group_slots(s, group, header, slots), i
    for i in range(n):
        if slots[i][0] != 0 and (least == NULL or slot_freq(slots[i][0]) < slot_freq(least[0])):
            least = slots[i]
    return least


cdef uint64_t header_repair(Store* s, uint64_t* group) noexcept nogil:
    """The header of a group whose writer died inside, unlocked in value but not in place: spill bits as the
    slots say, empty overflow lines out."""
    cdef uint64_t header = load_relaxed64(group) & ~<uint64_t> OWNER_MASK
    cdef uint64_t* slots[GROUP_SLOTS_MAX]
    cdef size_t n, i
    cdef int home
    overflow_trim(s, group, &header)
    n = group_slots(s, group, header, slots)
    header &= ~(<uint64_t> 15 << SPILL_SHIFT)
    for i in range(n):
        if slots[i][0] != 0:
            home = slot_home(slots[i][0])
            if not in_line(slots[i], group + home * LINE_WORDS):
                header |= <uint64_t> 1 << (SPILL_SHIFT + home)
    header_set(group, &header, header)
    return header
