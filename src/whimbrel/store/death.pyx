"""A process died while others live: what it held is put in order and given back.

Nothing here is done in its name; every repair starts from what is true at any instruction, because a slot is
published with one store:

    a group's lock      slots that belong elsewhere (half a step of growth) go, the header is made anew
    segment_lock        lists and counts are made anew from the states of segments
    grow_lock           the groups it was moving are repaired, the next grower goes on at the cursor
    evict_lock          the victim is walked again from its start
    a cell              the segment has a hole: it is torn, and a sweep of the table drops what points into it

Whoever waits for a lock (process.pyx) or passes by (inspect_process) finds the dead and takes the locks of
the whole region over at once; groups are taken over one by one, by whoever needs them and by the sweep.  Only
after the sweep is the process's slot free again.  The undertaker may die too: everything is done under a
lock that was taken over first, so the next one does it again.
"""

from libc.stdint cimport int64_t, uint64_t
from whimbrel.base.atomic cimport (
    cas64, fence_seq, fetch_add_relaxed64, load_acquire64, load_relaxed64, store_relaxed64,
    store_release64,
)
from whimbrel.base.clock cimport coarse_ns
from whimbrel.base.hash cimport hash_bytes
from whimbrel.store.item cimport Item, item_bytes, item_decode, item_key
from whimbrel.store.layout cimport (
    CELLS, DEATH_FOUND, DEATH_NOT, DEATH_SWEPT, Evictor, GROUP_WORDS, OWNER_MASK, PROCESSES_MAX, Process, Region,
    SEGMENT_OPEN, SEGMENT_SEALED, Segment, Store, TORN_FOUND, TORN_SWEPT, group_at, group_index,
    groups_grown, groups_in_use, segment_of, slot_location,
)
from whimbrel.store.process cimport (
    lock_word, process_alive, process_set_undertaker, process_take_slot, try_lock_word, unlock_word,
)
from whimbrel.store.relist cimport segments_rebuild
from whimbrel.store.segment cimport live_sub, segment_free, segment_seal, segment_unnamed
from whimbrel.store.table cimport (
    GROUP_SLOTS_MAX, group_clear, group_lock, group_slots, group_unlock, group_unlock_unchanged, header_repair,
    location_valid,
)

cdef enum:
    INSPECT_MS = 100                # between two looks at a process in passing
    SWEEP_STEPS = 32                # one group counts as so many items


# -- a group --

cdef bint misplaced(Store* s, uint64_t** slots, size_t i, uint64_t index) noexcept nogil:
    """Whether lookups cannot be meant to find it here: it is a copy that growth made or left."""
    cdef uint64_t location = slot_location(slots[i][0])
    cdef size_t j
    cdef Item it
    for j in range(i):
        if slots[j][0] != 0 and slot_location(slots[j][0]) == location:
            return True
    if not location_valid(s, location) or not item_decode(s, location, &it):
        return True
    return group_index(load_acquire64(&s.r.mapping), hash_bytes(item_key(&it), it.key_len, s.seed)) != index


cdef void group_repair(Store* s, uint64_t* group) noexcept nogil:
    """Under its lock, which is released."""
    cdef uint64_t* slots[GROUP_SLOTS_MAX]
    cdef uint64_t header = load_relaxed64(group)
    cdef uint64_t index = <uint64_t> (group - s.groups) // GROUP_WORDS
    cdef size_t n = group_slots(s, group, header, slots), i
    for i in range(n):
        if slots[i][0] != 0 and misplaced(s, slots, i, index):
            store_release64(slots[i], 0)
    group_unlock(group, header_repair(s, group))


cdef void group_take_over(Store* s, uint64_t* group) noexcept nogil:
    """If a dead process holds its lock."""
    cdef uint64_t header = load_acquire64(group)
    cdef uint64_t owner = header & OWNER_MASK
    if owner == 0 or process_alive(s, owner):
        return
    if cas64(group, header, (header & ~<uint64_t> OWNER_MASK) | s.process):
        group_repair(s, group)


# -- the region's locks --

cdef bint take_over(Store* s, uint64_t* lock, uint64_t dead) noexcept nogil:
    return load_acquire64(lock) == dead and cas64(lock, dead, s.process)


cdef void settle_growth(Store* s) noexcept nogil:
    """Under grow_lock: the group that was being moved, and where it was moved to."""
    cdef uint64_t migrating = load_acquire64(&s.r.migrating)
    cdef uint64_t n = migrating >> 32
    cdef uint64_t index, target
    if migrating == 0:
        return
    index = <uint64_t> <unsigned> migrating - 1
    for target in range(index * groups_grown(n) // n, ((index + 1) * groups_grown(n) - 1) // n + 1):
        group_take_over(s, group_at(s, target))
    group_take_over(s, group_at(s, index))
    store_release64(&s.r.migrating, 0)


cdef void release_cells(Store* s, Process* p) noexcept nogil:
    """Where it was writing is a hole, and what follows a hole cannot be walked to."""
    cdef int i
    cdef uint64_t number
    cdef Segment* g
    for i in range(CELLS):
        number = load_acquire64(&p.cells[i].segment)
        if number != 0 and number <= s.segments_max:
            g = s.segments + number
            if g.state == SEGMENT_OPEN or g.state == SEGMENT_SEALED:
                g.torn = TORN_FOUND
        store_release64(&p.cells[i].segment, 0)


cdef void bury(Store* s, uint64_t dead) noexcept nogil:
    """Under process_lock."""
    cdef Region* r = s.r
    cdef Process* p = r.processes + dead
    if take_over(s, &r.grow_lock, dead):
        settle_growth(s)
        unlock_word(&r.grow_lock)
    if take_over(s, &r.segment_lock, dead):
        segments_rebuild(s)
        unlock_word(&r.segment_lock)
    if take_over(s, &r.evict_lock, dead):
        r.evictor.offset = 0
        unlock_word(&r.evict_lock)
    release_cells(s, p)
    fetch_add_relaxed64(&r.counters.deaths, 1)
    store_release64(&p.death, DEATH_FOUND)
    store_release64(&r.sweep_wanted, 1)


cdef bint lock_burials(Store* s) noexcept nogil:
    """process_lock, from a dead process if need be; False if it is held by a live one."""
    cdef uint64_t owner
    if load_relaxed64(&s.r.process_lock) == 0 and cas64(&s.r.process_lock, 0, s.process):
        return True
    owner = load_acquire64(&s.r.process_lock)
    return owner != 0 and not process_alive(s, owner) and cas64(&s.r.process_lock, owner, s.process)


cdef bint look_at(Store* s, uint64_t number) noexcept nogil:
    """Whether this process is dead; it is buried then."""
    cdef Process* p = s.r.processes + number
    if process_alive(s, number) or load_relaxed64(&p.pid) == 0 or not lock_burials(s):
        return False
    if p.death == DEATH_NOT and load_relaxed64(&p.pid) != 0 and not process_alive(s, number):
        bury(s, number)
    unlock_word(&s.r.process_lock)
    return True


cdef void undertaker(Store* s, uint64_t* lock, uint64_t mask) noexcept nogil:
    """A waiter's look at the owner of the lock it waits for."""
    cdef uint64_t owner = load_acquire64(lock) & mask
    if owner == 0 or owner > PROCESSES_MAX or process_alive(s, owner):
        return
    if lock == &s.r.process_lock:
        if lock_burials(s):
            unlock_word(lock)
        return
    look_at(s, owner)
    if mask == OWNER_MASK and s.r.processes[owner].death != DEATH_NOT:
        group_take_over(s, lock)


process_set_undertaker(undertaker)


cdef void inspect_process(Store* s) noexcept nogil:
    """One process now and then, also if it holds nothing anybody waits for: its cells and its slot."""
    cdef int64_t now = coarse_ns()
    if now - s.suspected_ns < INSPECT_MS * 1000000:
        return
    s.suspected_ns = now
    for _ in range(PROCESSES_MAX):
        s.inspected = s.inspected % PROCESSES_MAX + 1
        if load_relaxed64(&s.r.processes[s.inspected].pid) != 0:
            look_at(s, s.inspected)
            return


# -- the sweep; all of it under evict_lock --

cdef bint sweep_begin(Store* s) noexcept nogil:
    """Settle which segments and processes this sweep is for; False if there are none."""
    cdef uint64_t i
    cdef Segment* g
    cdef bint found = False
    store_release64(&s.r.sweep_wanted, 0)
    fence_seq()
    for i in range(1, PROCESSES_MAX + 1):
        if s.r.processes[i].death == DEATH_FOUND:
            s.r.processes[i].death = DEATH_SWEPT
            found = True
    for i in range(1, load_relaxed64(&s.r.segments_bump)):
        g = s.segments + i
        if g.torn == 0 or (g.state != SEGMENT_OPEN and g.state != SEGMENT_SEALED):
            continue
        segment_seal(s, <unsigned> i)
        if not segment_unnamed(s, i):
            store_release64(&s.r.sweep_wanted, 1)
            continue
        if s.r.evictor.victim == i:
            s.r.evictor.victim = 0
        g.torn = TORN_SWEPT
        found = True
    s.r.evictor.sweep_at = 0
    store_release64(&s.r.evictor.sweeping, found)
    return found


cdef void sweep_group(Store* s, uint64_t* group) noexcept nogil:
    """Drop what points into a torn segment, from its head: such an item may be whole, but cannot be kept."""
    cdef uint64_t* slots[GROUP_SLOTS_MAX]
    cdef uint64_t header = group_lock(s, group), location
    cdef size_t n = group_slots(s, group, header, slots), i
    cdef bint changed = False
    cdef Item it
    for i in range(n):
        location = slot_location(slots[i][0])
        if not location_valid(s, location) or segment_of(s, location).torn != TORN_SWEPT:
            continue
        group_clear(s, group, &header, slots[i])
        if item_decode(s, location, &it):
            live_sub(s, location, item_bytes(&it))
        changed = True
    if changed:
        group_unlock(group, header)
    else:
        group_unlock_unchanged(group, header)


cdef void sweep_end(Store* s) noexcept nogil:
    cdef uint64_t i
    cdef int j
    cdef Process* p
    for i in range(1, load_relaxed64(&s.r.segments_bump)):
        if s.segments[i].torn == TORN_SWEPT and s.segments[i].state == SEGMENT_SEALED:
            segment_free(s, <unsigned> i)
    lock_word(s, &s.r.process_lock)     # or look_at buries it again in between
    for i in range(1, PROCESSES_MAX + 1):
        p = s.r.processes + i
        if p.death != DEATH_SWEPT:
            continue
        for j in range(CELLS):
            fetch_add_relaxed64(&s.r.counters.writes, p.cells[j].writes)
            p.cells[j].writes = 0
        store_relaxed64(&p.start, 0)
        store_release64(&p.death, DEATH_NOT)
        store_release64(&p.pid, 0)
    unlock_word(&s.r.process_lock)
    store_release64(&s.r.evictor.sweeping, 0)


cdef int sweep_step(Store* s, int steps) noexcept nogil:
    """Go on with the sweep, if one is due; returns the steps it took, at least one while there is work."""
    cdef Evictor* e = &s.r.evictor
    cdef int taken = 1
    if not e.sweeping and (not load_relaxed64(&s.r.sweep_wanted) or not sweep_begin(s)):
        return 0
    while taken < steps or taken == 1:
        if e.sweep_at >= groups_in_use(s):
            sweep_end(s)
            break
        sweep_group(s, group_at(s, e.sweep_at))
        e.sweep_at += 1
        taken += SWEEP_STEPS
    return taken


# -- joining --

cdef bint process_join(Store* s) noexcept nogil:
    """A slot for this process, False if there is none.  Who died before is found at the latest now."""
    cdef uint64_t i
    if not process_take_slot(s):
        return False
    lock_word(s, &s.r.process_lock)
    store_release64(&s.r.clean, 0)
    unlock_word(&s.r.process_lock)
    for i in range(1, PROCESSES_MAX + 1):
        look_at(s, i)
    if load_relaxed64(&s.r.sweep_wanted) and try_lock_word(s, &s.r.evict_lock):
        while sweep_step(s, 1 << 20):
            pass
        unlock_word(&s.r.evict_lock)
    return True
