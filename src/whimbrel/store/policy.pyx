"""The eviction policies: s3fifo (the default), merge and fifo.

s3fifo  New items go to the small queue, a tenth of the heap.  What is used there at least twice moves to the
        main queue, the rest leaves a ghost; a key whose ghost is young enough is admitted to the main queue
        directly.  In the main queue an item goes round as long as it is used.  (Yang et al., SOSP'23, with
        segments in place of nodes.  That a ghost ages by bytes, not by items, and that the main queue takes
        the overflow until the heap is full the first time, is worth up to 0.04 of miss ratio on block traces.)
merge   One queue.  Of every segment the most used quarter of the bytes stays, with half its frequency: four
        segments make one.  Which frequency that is, the last few segments tell.  (Yang et al., NSDI'21)
fifo    One queue, nothing stays.

Ghosts: one 64-byte line of 32 for each group of the table: 11 bits of fingerprint, 5 bits of time.  The time is
the bytes dropped from the small queue, in sixteenths of the window.
"""

from libc.stdint cimport uint16_t, uint64_t
from libc.string cimport memcpy
from whimbrel.base.atomic cimport load_relaxed64
from whimbrel.store.item cimport Item, item_bytes
from whimbrel.store.layout cimport Evictor, QUEUE_MAIN, QUEUE_SMALL, Store, group_index, slot_freq
from whimbrel.store.segment cimport segments_allowed, segments_spare

cdef enum:
    SMALL_SHARE = 10                # the small queue is a tenth of the heap
    PROMOTE_FREQ = 2                # accesses in the small queue that make an item worth the main queue
    MAIN_FREQ_MAX = 3               # rounds an item can survive in the main queue without another access
    GHOSTS = 32                     # in a line
    GHOST_FINGERPRINT = 2047
    GHOST_TIMES = 32                # the clock's period; entries are replaced long before it comes round
    GHOST_WINDOW = 16               # ticks a ghost is remembered; together 0.9 of the heap in bytes
    MERGE_SEGMENTS = 4              # make one
    STARVING_SEGMENTS = 2           # with so few free ones the main queue keeps only what is used most

cdef uint64_t LANES_ONE = 0x0001000100010001    # 1 in each 16-bit lane of a word
cdef uint64_t LANES_TOP = 0x8000800080008000


# -- ghosts --

cdef inline uint64_t ghost_now(const Store* s) noexcept nogil:
    cdef uint64_t tick = s.r.heap_bytes // 10 * 9 // GHOST_WINDOW
    return s.r.evictor.small_bytes // tick % GHOST_TIMES


cdef inline uint16_t* ghost_line(const Store* s, uint64_t hash) noexcept nogil:
    return s.ghosts + GHOSTS * group_index(load_relaxed64(&s.r.mapping), hash)


cdef inline uint64_t ghost_mark(uint64_t hash) noexcept nogil:
    """Never 0, and independent of the group."""
    return (hash >> 12) & GHOST_FINGERPRINT


cdef inline bint ghost_possible(const uint16_t* line, uint64_t mark) noexcept nogil:
    """Whether any of the line has this fingerprint: four at a time, as the answer mostly is no."""
    cdef uint64_t wanted = (mark << 5) * LANES_ONE, lanes, found = 0
    cdef int i
    for i in range(0, GHOSTS, 4):
        memcpy(&lanes, line + i, 8)
        lanes = (lanes ^ wanted) & (LANES_ONE * (GHOST_FINGERPRINT << 5))
        found |= (lanes - LANES_ONE) & ~lanes & LANES_TOP
    return found != 0


cdef bint ghost_known(Store* s, uint64_t hash) noexcept nogil:
    cdef uint16_t* line = ghost_line(s, hash)
    cdef uint64_t now = ghost_now(s), mark = ghost_mark(hash)
    cdef int i
    if not ghost_possible(line, mark):
        return False
    for i in range(GHOSTS):
        if line[i] >> 5 == mark and line[i] != 0 and (now - line[i]) % GHOST_TIMES < GHOST_WINDOW:
            line[i] = 0
            return True
    return False


cdef void ghost_remember(Store* s, uint64_t hash) noexcept nogil:
    """In place of the oldest of its line, or of the first that is forgotten anyhow."""
    cdef uint16_t* line = ghost_line(s, hash)
    cdef uint64_t now = ghost_now(s), oldest = 0, age
    cdef int i, at = 0
    for i in range(GHOSTS):
        age = GHOST_TIMES if line[i] == 0 else (now - line[i]) % GHOST_TIMES
        if age > oldest:
            oldest = age
            at = i
            if age >= GHOST_WINDOW:
                break
    line[at] = <uint16_t> (ghost_mark(hash) << 5 | now)


# -- s3fifo --

cdef inline bint small_is_full(const Store* s) noexcept nogil:
    return s.r.lists[QUEUE_SMALL].count * SMALL_SHARE >= segments_allowed(s)


cdef int s3fifo_admit(Store* s, uint64_t hash) noexcept nogil:
    if s.r.evictor.small_bytes == 0:
        return QUEUE_MAIN if small_is_full(s) else QUEUE_SMALL
    return QUEUE_MAIN if ghost_known(s, hash) else QUEUE_SMALL


cdef int s3fifo_victim(Store* s) noexcept nogil:
    return QUEUE_SMALL if small_is_full(s) else QUEUE_MAIN


cdef int s3fifo_judge(Store* s, int queue, uint64_t slot, const Item* it) noexcept nogil:
    cdef int freq = slot_freq(slot)
    if queue == QUEUE_SMALL:
        return QUEUE_MAIN << 3 if freq >= PROMOTE_FREQ else JUDGE_DROP
    if freq == 0 or (segments_spare(s) <= STARVING_SEGMENTS and freq < MAIN_FREQ_MAX):
        return JUDGE_DROP
    return QUEUE_MAIN << 3 | ((freq if freq < MAIN_FREQ_MAX else MAIN_FREQ_MAX) - 1)


cdef void s3fifo_dropped(Store* s, int queue, uint64_t hash, const Item* it) noexcept nogil:
    if queue == QUEUE_SMALL:
        s.r.evictor.small_bytes += item_bytes(it)
        ghost_remember(s, hash)


# -- merge --

cdef int one_queue_admit(Store* s, uint64_t hash) noexcept nogil:
    return QUEUE_SMALL


cdef int one_queue_victim(Store* s) noexcept nogil:
    return QUEUE_SMALL


cdef int merge_judge(Store* s, int queue, uint64_t slot, const Item* it) noexcept nogil:
    cdef Evictor* e = &s.r.evictor
    cdef uint64_t freq = slot_freq(slot)
    e.histogram[freq] += item_bytes(it)
    if freq < e.cutoff or (freq == e.cutoff and (it.location * 0x9e3779b97f4a7c15u) >> 48 >= e.cutoff_keeps):
        return JUDGE_DROP
    return QUEUE_SMALL << 3 | <int> (freq >> 1)


cdef void merge_emptied(Store* s) noexcept nogil:
    """Choose what stays of the next segment, by what the last ones held."""
    cdef Evictor* e = &s.r.evictor
    cdef uint64_t total = 0, wanted
    cdef int i
    for i in range(8):
        total += e.histogram[i]
    wanted = total // MERGE_SEGMENTS
    e.cutoff = 8
    e.cutoff_keeps = 0
    for i in range(7, -1, -1):
        if e.histogram[i] > wanted:
            e.cutoff = i
            e.cutoff_keeps = (wanted << 16) // e.histogram[i]
            break
        wanted -= e.histogram[i]
        e.cutoff = i
        e.cutoff_keeps = 1 << 16
    for i in range(8):
        e.histogram[i] //= 2


# -- fifo, and what policies have in common --

cdef int fifo_judge(Store* s, int queue, uint64_t slot, const Item* it) noexcept nogil:
    return JUDGE_DROP


cdef void nothing_dropped(Store* s, int queue, uint64_t hash, const Item* it) noexcept nogil:
    pass


cdef void nothing_emptied(Store* s) noexcept nogil:
    pass


cdef Policy[3] POLICIES             # in the order of store.pyx's names
POLICIES[0] = Policy(s3fifo_admit, s3fifo_victim, s3fifo_judge, s3fifo_dropped, nothing_emptied)
POLICIES[1] = Policy(one_queue_admit, one_queue_victim, merge_judge, nothing_dropped, merge_emptied)
POLICIES[2] = Policy(one_queue_admit, one_queue_victim, fifo_judge, nothing_dropped, nothing_emptied)


cdef const Policy* policy_of(const Store* s) noexcept nogil:
    return &POLICIES[s.policy]
