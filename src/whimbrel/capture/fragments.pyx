"""Fragments -> datagrams: see fragments.pxd for the idea and the limits."""

from libc.string cimport memcmp, memcpy, memset

from whimbrel.base.arena cimport arena_alloc_zero, arena_block_bytes, arena_free, arena_grow

cdef enum:
    UNIT = 8                        # bytes


cdef Fragments* fragments_new(Arena* arena) noexcept nogil:
    cdef Fragments* t = <Fragments*> arena_alloc_zero(arena, sizeof(Fragments))
    if t != NULL:
        t.arena = arena
    return t


cdef void fragments_free(Fragments* t) noexcept nogil:
    cdef Arena* arena
    if t == NULL:
        return
    fragments_release(t)
    fragments_drop_all(t)
    arena = t.arena
    arena_free(arena, t)


cdef void fragments_release_whole(Fragments* t) noexcept nogil:
    while t.whole_count:
        t.whole_count -= 1
        arena_free(t.arena, t.whole[t.whole_count])


# Slots

cdef void drop_block(Fragments* t, Datagram* g) noexcept nogil:
    if g.block != NULL:
        t.bytes -= arena_block_bytes(t.arena, g.block)
        arena_free(t.arena, g.block)
        g.block = NULL


cdef void give_up(Fragments* t, Datagram* g) noexcept nogil:
    """Free the slot; a datagram that still waited is lost."""
    t.lost += g.block != NULL
    drop_block(t, g)
    g.used = False


cdef void fragments_drop_all(Fragments* t) noexcept nogil:
    cdef int i
    for i in range(FRAGMENTS_DATAGRAMS):
        if t.slots[i].used:
            give_up(t, &t.slots[i])


cdef inline bint is_over(const Datagram* g, int64_t now_ns) noexcept nogil:
    """Too old.  A capture may step back in time: what seems to be younger than now is not old."""
    cdef int64_t age_ns = <int64_t> (<uint64_t> now_ns - <uint64_t> g.begun_ns)
    if g.block == NULL:
        return age_ns > <int64_t> FRAGMENTS_ECHO_NS
    return age_ns > <int64_t> FRAGMENTS_AGE_NS


cdef Datagram* find(Fragments* t, const FragmentKey* key, int64_t now_ns) noexcept nogil:
    """The slot of this datagram; on the way, slots of old ones become free."""
    cdef Datagram* found = NULL
    cdef Datagram* g
    cdef int i
    for i in range(FRAGMENTS_DATAGRAMS):
        g = &t.slots[i]
        if not g.used:
            continue
        if is_over(g, now_ns):
            give_up(t, g)
        elif g.key.ident == key.ident and memcmp(&g.key, key, sizeof(FragmentKey)) == 0:
            found = g
    return found


cdef Datagram* oldest(Fragments* t, const Datagram* spare, bint with_block) noexcept nogil:
    """What to give up next: one that is only remembered before one that waits, an old one before a young one."""
    cdef Datagram* found = NULL
    cdef Datagram* g
    cdef int i
    for i in range(FRAGMENTS_DATAGRAMS):
        g = &t.slots[i]
        if not g.used or g == spare or (with_block and g.block == NULL):
            continue
        if found == NULL or (g.block == NULL and found.block != NULL) or (
            (g.block == NULL) == (found.block == NULL) and g.begun_ns < found.begun_ns
        ):
            found = g
    return found


cdef Datagram* begin(Fragments* t, const FragmentKey* key, int64_t now_ns) noexcept nogil:
    """A slot for a new datagram, somebody else's if all are taken."""
    cdef Datagram* g = NULL
    cdef int i
    for i in range(FRAGMENTS_DATAGRAMS):
        if not t.slots[i].used:
            g = &t.slots[i]
            break
    if g == NULL:
        g = oldest(t, NULL, False)
        give_up(t, g)
    memset(g, 0, sizeof(Datagram))
    g.used = True
    g.key = key[0]
    g.begun_ns = now_ns
    g.cut_from = DATAGRAM_MAX
    return g


cdef bint make_room(Fragments* t, Datagram* g, uint32_t end) noexcept nogil:
    """Have g's block hold `end` bytes; others are given up for it.  False: there is no room."""
    cdef size_t need = UNIT_MAP_BYTES + <size_t> end
    cdef size_t held = 0
    cdef void* block
    cdef Datagram* other
    if g.block != NULL:
        held = arena_block_bytes(t.arena, g.block)
        if need <= held:
            return True
    while True:
        block = NULL
        if t.bytes - held + 2 * need <= FRAGMENTS_BYTES:       # blocks are powers of two: less than twice the need
            block = arena_grow(t.arena, g.block, UNIT_MAP_BYTES + g.seen if g.block != NULL else 0, need)
        if block != NULL:
            break
        other = oldest(t, g, True)
        if other == NULL:
            return False
        give_up(t, other)
    if g.block == NULL:
        memset(block, 0, UNIT_MAP_BYTES)
    g.block = <uint8_t*> block
    t.bytes += arena_block_bytes(t.arena, block) - held
    return True


# Joining

cdef inline bint is_possible(const Fragment* f) noexcept nogil:
    """All but the last are whole units, and no datagram is longer than DATAGRAM_MAX."""
    if f.wire_len == 0 or f.offset + f.wire_len > DATAGRAM_MAX:
        return False
    return not f.more or f.wire_len % UNIT == 0


cdef inline bint ends_agree(const Datagram* g, const Fragment* f) noexcept nogil:
    cdef uint32_t end = f.offset + f.wire_len
    if not f.more:
        return g.seen <= end and (g.end == 0 or g.end == end)
    return g.end == 0 or end <= g.end


cdef bint copy_units(Datagram* g, const Fragment* f) noexcept nogil:
    """Copy the units that are new; True if one that is there already has other bytes."""
    cdef uint8_t* data = g.block + UNIT_MAP_BYTES
    cdef bint differs = False
    cdef uint32_t at = 0
    cdef uint32_t unit, n
    while at < f.wire_len:
        unit = (f.offset + at) // UNIT
        n = 0
        if at < f.len:
            n = UNIT if f.len - at > UNIT else f.len - at
        if g.block[unit >> 3] & (1 << (unit & 7)):
            if f.offset + at + n <= g.cut_from and memcmp(data + f.offset + at, f.data + at, n) != 0:
                differs = True
        else:
            g.block[unit >> 3] |= <uint8_t> (1 << (unit & 7))
            g.units += 1
            memcpy(data + f.offset + at, f.data + at, n)
        at += UNIT
    return differs


cdef void hand_out(Fragments* t, Datagram* g, Whole* out) noexcept nogil:
    """The datagram is whole: its block is the caller's until release, its slot remembers it."""
    out.data = g.block + UNIT_MAP_BYTES
    out.wire_len = g.end
    out.len = g.end if g.end < g.cut_from else g.cut_from
    out.protocol = g.protocol
    t.bytes -= arena_block_bytes(t.arena, g.block)
    t.whole[t.whole_count] = g.block
    t.whole_count += 1
    g.block = NULL


cdef Joined fragments_join(Fragments* t, const Fragment* f, Whole* out) noexcept nogil:
    """Add a fragment; JOINED_WHOLE with the datagram's payload in `out` if it was the one that missed."""
    cdef uint32_t end = f.offset + f.wire_len
    cdef Datagram* g
    if not is_possible(f):
        return JOINED_BAD
    g = find(t, &f.key, f.time_ns)
    if g == NULL:
        g = begin(t, &f.key, f.time_ns)
    elif g.block == NULL:
        return JOINED_WAITS                 # a second copy of a datagram that was whole a moment ago
    elif not ends_agree(g, f):
        give_up(t, g)
        return JOINED_WAITS
    if t.whole_count == FRAGMENTS_WHOLE or not make_room(t, g, end):
        t.lost += g.block == NULL           # it had none yet, so give_up does not count it
        give_up(t, g)
        return JOINED_WAITS
    if f.offset == 0:
        g.protocol = f.protocol
    t.differ += copy_units(g, f)
    if f.len < f.wire_len and f.offset + f.len < g.cut_from:
        g.cut_from = f.offset + f.len
    if end > g.seen:
        g.seen = end
    if not f.more:
        g.end = end
    if g.end == 0 or g.units != (g.end + UNIT - 1) // UNIT:
        return JOINED_WAITS
    hand_out(t, g, out)
    return JOINED_WHOLE
