"""A region whose users died, made whole; and the invariants, checked.

Only the slots are believed, and only as far as their items bear them out: a slot stays if its item lies whole
in a segment no writer died in, and if its key belongs into the group and line chain the slot is in.  That also
undoes a half-done step of growth: whichever copy the cursor does not point at is the wrong one.  Lists, counts
and locks are made anew from that.  Nobody else may use the region meanwhile.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset
from whimbrel.base.hash cimport hash_bytes
from whimbrel.store.item cimport ITEM_CHAINED, Item, item_bytes, item_decode, item_key
from whimbrel.store.layout cimport (
    CELLS, END_OPEN, GROUP_BYTES, LINE_BYTES, OVERFLOW_MASK, OVERFLOW_SHIFT, OWNER_MASK, PROCESSES_MAX, QUEUES, Region,
    SEGMENT_FREE, SEGMENT_LARGE, SEGMENT_OPEN, SEGMENT_SEALED, SEGMENT_UNUSED, SPILL_SHIFT, Segment, Store,
    VERSION_SHIFT, group_at, group_index, groups_grown, groups_in_use, hash_tag, live_of, overflow_line, segment_of,
    slot_home, slot_location, slot_tag,
)
from whimbrel.store.segment cimport list_append
from whimbrel.store.table cimport GROUP_SLOTS_MAX, group_slots, header_repair, location_valid


cdef str slot_fault(Store* s, uint64_t index, uint64_t slot):
    """What is wrong with a slot of group `index`, or None."""
    cdef uint64_t location = slot_location(slot), hash, end
    cdef Item it
    cdef Segment* g
    if not location_valid(s, location):
        return "points nowhere"
    g = segment_of(s, location)
    if g.state != SEGMENT_OPEN and g.state != SEGMENT_SEALED and g.state != SEGMENT_LARGE:
        return f"points into a segment in state {g.state}"
    if g.torn:
        return "points into a segment a writer died in"
    if not item_decode(s, location, &it):
        return "points at no item"
    if (g.state == SEGMENT_LARGE) != ((it.bits & ITEM_CHAINED) != 0):
        return "points at an item of the wrong size"
    if g.state != SEGMENT_LARGE:
        end = g.end if g.end != <uint32_t> END_OPEN else g.write
        if (location & s.segment_mask) + item_bytes(&it) > end:
            return "points behind the end of its segment"
    hash = hash_bytes(item_key(&it), it.key_len, s.seed)
    if hash_tag(hash) != slot_tag(slot):
        return "has another tag than its key"
    if group_index(s.r.mapping, hash) != index:
        return "is in the wrong group"
    return None


cdef int forget_processes(Store* s) except -1:
    """Where they were writing, nothing is believed."""
    cdef int i, j
    cdef uint64_t number
    for i in range(1, PROCESSES_MAX + 1):
        if s.r.processes[i].pid == 0:
            continue
        for j in range(CELLS):
            s.r.counters.writes += s.r.processes[i].cells[j].writes
            number = s.r.processes[i].cells[j].segment
            if 1 <= number <= s.segments_max:
                s.segments[number].torn = 1
        memset(&s.r.processes[i], 0, sizeof(s.r.processes[i]))
    return 0


cdef int sweep(Store* s, bytearray lines) except -1:
    """Keep the good slots, count what they point at, and note the overflow lines in use."""
    cdef uint64_t* slots[GROUP_SLOTS_MAX]
    cdef uint64_t index, line, header
    cdef uint64_t* group
    cdef size_t n, i
    cdef Item it
    cdef set seen = set()
    for index in range(groups_in_use(s)):
        group = group_at(s, index)
        seen.clear()
        n = group_slots(s, group, group[0], slots)
        for i in range(n):
            if slots[i][0] == 0:
                continue
            if slot_location(slots[i][0]) in seen or slot_fault(s, index, slots[i][0]) is not None:
                slots[i][0] = 0
                continue
            seen.add(slot_location(slots[i][0]))
            item_decode(s, slot_location(slots[i][0]), &it)
            segment_of(s, it.location).live += live_of(item_bytes(&it))
        header = header_repair(s, group)
        group[0] = header + (<uint64_t> 1 << VERSION_SHIFT)
        line = (header >> OVERFLOW_SHIFT) & OVERFLOW_MASK
        while line:
            lines[line] = 1
            line = overflow_line(s, line)[0]
    return 0


cdef int clear_beyond(Store* s) except -1:
    """A first step of growth that was not finished has left copies behind the last group."""
    cdef uint64_t n = s.r.mapping >> 32
    cdef uint64_t end = min(groups_grown(n), s.r.groups_max)
    if <uint32_t> s.r.mapping == n and end > n:
        memset(group_at(s, n), 0, (end - n) * GROUP_BYTES)
    return 0


cdef int rebuild_overflow(Store* s, bytearray lines) except -1:
    cdef uint64_t i
    s.r.overflow_free = 0
    s.r.overflow_used = 0
    for i in range(1, s.r.overflow_bump):
        if lines[i]:
            s.r.overflow_used += 1
        else:
            memset(overflow_line(s, i), 0, LINE_BYTES)
            overflow_line(s, i)[0] = s.r.overflow_free
            s.r.overflow_free = i
    return 0


cdef int seal_all(Store* s) except -1:
    cdef uint64_t i
    cdef Segment* g
    memset(s.r.open, 0, sizeof(s.r.open))
    for i in range(1, s.r.segments_bump):
        g = s.segments + i
        g.live = 0
        if g.state == SEGMENT_OPEN:
            g.state = SEGMENT_SEALED
        if g.state == SEGMENT_SEALED and g.end == <uint32_t> END_OPEN:
            if g.write <= s.segment_bytes:
                g.end = <uint32_t> g.write
            else:
                g.torn = 1
            g.write = s.segment_bytes + 1
    return 0


cdef int rebuild_lists(Store* s) except -1:
    """By age, and everything that holds nothing is free."""
    cdef Region* r = s.r
    cdef uint64_t i
    cdef uint32_t number
    cdef set kept = set()
    memset(r.lists, 0, sizeof(r.lists))
    r.free_list = 0
    r.retired_list = 0
    r.segments_free = 0
    r.segments_used = 0
    holding = [
        (s.segments[i].sequence, i) for i in range(1, r.segments_bump)
        if s.segments[i].live and (s.segments[i].state == SEGMENT_SEALED or s.segments[i].state == SEGMENT_LARGE)
    ]
    for _, i in sorted(holding):
        list_append(s, <uint32_t> i, s.segments[i].queue)
        number = <uint32_t> i
        while number:
            kept.add(number)
            number = s.segments[number].chain
    for i in range(r.segments_bump - 1, 0, -1):
        if s.segments[i].state == SEGMENT_UNUSED:
            s.segments[i].next = <uint32_t> r.retired_list
            r.retired_list = i
            continue
        r.segments_used += 1
        if i not in kept:
            s.segments[i].state = SEGMENT_FREE
            s.segments[i].chain = 0
            s.segments[i].next = <uint32_t> r.free_list
            r.free_list = i
            r.segments_free += 1
    return 0


cdef int recover(Store* s) except -1:
    cdef Region* r = s.r
    cdef bytearray lines = bytearray(r.overflow_bump + 1)
    r.segment_lock = 0
    r.evict_lock = 0
    r.grow_lock = 0
    r.process_lock = 0
    r.evictor.victim = 0
    r.evictor.sweeping = 0
    r.sweep_wanted = 0
    r.migrating = 0
    r.retiring = 0
    r.counters.deaths = 0
    forget_processes(s)
    seal_all(s)
    clear_beyond(s)
    sweep(s, lines)
    rebuild_overflow(s, lines)
    rebuild_lists(s)
    return 0


# -- the invariants --

cdef list verify_slots(Store* s, dict live):
    cdef uint64_t* slots[GROUP_SLOTS_MAX]
    cdef uint64_t index
    cdef uint64_t* group
    cdef size_t n, i
    cdef int home, line
    cdef Item it
    cdef list faults = []
    for index in range(groups_in_use(s)):
        group = group_at(s, index)
        if group[0] & OWNER_MASK:
            faults.append(f"group {index} is locked")
        n = group_slots(s, group, group[0], slots)
        for i in range(n):
            if slots[i][0] == 0:
                continue
            fault = slot_fault(s, index, slots[i][0])
            if fault is not None:
                faults.append(f"group {index} slot {i} {fault}")
                continue
            home = slot_home(slots[i][0])
            line = <int> (slots[i] - group) // 8 if group <= slots[i] < group + 32 else 4
            if line != home and not (group[0] >> (SPILL_SHIFT + home)) & 1:
                faults.append(f"group {index} slot {i} cannot be found from its home line")
            item_decode(s, slot_location(slots[i][0]), &it)
            number = it.location >> s.segment_shift
            live[number] = live.get(number, 0) + live_of(item_bytes(&it))
    return faults


cdef list verify_segments(Store* s, dict live):
    cdef uint64_t i, number
    cdef int queue
    cdef uint64_t free_count = 0, before
    cdef Segment* g
    cdef list faults = []
    cdef set listed = set()
    for queue in range(QUEUES):
        number = s.r.lists[queue].head
        before = 0
        while number:
            g = s.segments + number
            if number in listed or g.prev != before or g.queue != queue:
                faults.append(f"segment {number} is not where list {queue} says")
                break
            before = number
            while number:
                listed.add(number)
                number = s.segments[number].chain
            number = g.next
    number = s.r.free_list
    while number and free_count <= s.segments_max:
        if s.segments[number].state != SEGMENT_FREE:
            faults.append(f"segment {number} is in the free list in state {s.segments[number].state}")
        free_count += 1
        number = s.segments[number].next
    if free_count != s.r.segments_free:
        faults.append(f"{free_count} segments in the free list, {s.r.segments_free} counted")
    if free_count + len(listed) != s.r.segments_used:
        faults.append(f"{free_count} free and {len(listed)} listed segments, {s.r.segments_used} in use")
    for i in range(1, s.r.segments_bump):
        g = s.segments + i
        if (g.state == SEGMENT_OPEN or g.state == SEGMENT_SEALED or g.state == SEGMENT_LARGE) and (
                g.live != live.get(i, 0)) and not (s.r.counters.deaths and g.live > live.get(i, 0)):
            # whoever dies between a slot and its count leaves the count too high, until the segment is emptied
            faults.append(f"segment {i} counts {g.live:#x} live, its slots {live.get(i, 0):#x}")
    return faults


cdef list verify(Store* s):
    """Sentences about what is wrong.  For a region nobody is writing to."""
    cdef dict live = {}
    faults = verify_slots(s, live)
    return faults + verify_segments(s, live)
