"""Sparse latency histograms; see latency.pxd for the layout.  Recording costs about as much as into a dense one."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset
from whimbrel.base.arena cimport Arena, arena_free, arena_grow
from whimbrel.base.histogram cimport HISTOGRAM_BUCKETS, HISTOGRAM_LAST_OCTAVE, histogram_bucket

assert LATENCY_CHUNKS * LATENCY_CHUNK == HISTOGRAM_BUCKETS


cdef uint32_t* chunk_at(Arena* arena, Latency* h, unsigned int chunk) noexcept nogil:
    """Its 32 counts, made where they are not there yet; NULL: no memory."""
    cdef uint32_t* slot
    cdef void* grown
    cdef uint8_t room
    if h.slot_of[chunk]:
        return h.slots + (h.slot_of[chunk] - 1) * LATENCY_CHUNK
    if h.used == h.room:
        room = 1 if h.room == 0 else (h.room * 2 if h.room < 32 else LATENCY_CHUNKS)
        grown = arena_grow(
            arena, h.slots, h.used * LATENCY_CHUNK * sizeof(uint32_t), room * LATENCY_CHUNK * sizeof(uint32_t))
        if grown == NULL:
            return NULL
        h.slots = <uint32_t*> grown
        h.room = room
    slot = h.slots + h.used * LATENCY_CHUNK
    memset(slot, 0, LATENCY_CHUNK * sizeof(uint32_t))
    h.used += 1
    h.slot_of[chunk] = h.used
    return slot


cdef inline void extremes(Latency* h, uint64_t low, uint64_t high) noexcept nogil:
    if h.count == 0 or low < h.min_ns:
        h.min_ns = low
    if high > h.max_ns:
        h.max_ns = high


cdef void latency_record(Arena* arena, Latency* h, uint64_t ns) noexcept nogil:
    cdef unsigned int bucket
    cdef uint32_t* counts
    extremes(h, ns, ns)
    h.count += 1
    h.sum_ns += ns
    if ns >> (HISTOGRAM_LAST_OCTAVE + 1):
        h.overflow += 1
        return
    bucket = histogram_bucket(ns)
    counts = chunk_at(arena, h, bucket // LATENCY_CHUNK)
    if counts == NULL:
        h.unplaced += 1
    else:
        counts[bucket % LATENCY_CHUNK] += 1


cdef void latency_merge(Arena* arena, Latency* into, const Latency* other) noexcept nogil:
    cdef const uint32_t* counts
    cdef uint32_t* mine
    cdef unsigned int chunk, i
    if other.count == 0:
        return
    extremes(into, other.min_ns, other.max_ns)
    into.count += other.count
    into.sum_ns += other.sum_ns
    into.overflow += other.overflow
    into.unplaced += other.unplaced
    for chunk in range(LATENCY_CHUNKS):
        if other.slot_of[chunk] == 0:
            continue
        counts = other.slots + (other.slot_of[chunk] - 1) * LATENCY_CHUNK
        mine = chunk_at(arena, into, chunk)
        for i in range(LATENCY_CHUNK):
            if mine == NULL:
                into.unplaced += counts[i]
            else:
                mine[i] += counts[i]


cdef void latency_clear(Arena* arena, Latency* h) noexcept nogil:
    arena_free(arena, h.slots)
    memset(h, 0, sizeof(Latency))


cdef object latency_read(const Latency* h):
    cdef const uint32_t* counts
    cdef unsigned int chunk, i
    if h.count == 0:
        return None
    buckets = []
    for chunk in range(LATENCY_CHUNKS):
        if h.slot_of[chunk]:
            counts = h.slots + (h.slot_of[chunk] - 1) * LATENCY_CHUNK
            for i in range(LATENCY_CHUNK):
                if counts[i]:
                    buckets.append(chunk * LATENCY_CHUNK + i)
                    buckets.append(counts[i])
    found = {"count": h.count, "sum": h.sum_ns, "min": h.min_ns, "max": h.max_ns, "buckets": buckets}
    if h.overflow:
        found["overflow"] = h.overflow
    if h.unplaced:
        found["unplaced"] = h.unplaced
    return found
