"""The table of flow_memory.pxd: sets of eight, the oldest makes room."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memset
from whimbrel.base.arena cimport Arena, arena_alloc_zero, arena_free
from whimbrel.capture.flow cimport FLOW_WAIT_BYTES

cdef enum:
    NS_A_MS = 1000000


cdef bint memory_init(Memory* m, Arena* arena, uint32_t flows_max) noexcept nogil:
    cdef uint32_t slots = MEMORY_WAYS
    while slots < flows_max and slots < MEMORY_SLOTS_MAX:
        slots *= 2
    m.sets = slots // MEMORY_WAYS
    m.slots = <Trace*> arena_alloc_zero(arena, slots * sizeof(Trace))
    return m.slots != NULL


cdef void memory_close(Memory* m, Arena* arena) noexcept nogil:
    arena_free(arena, m.slots)
    m.slots = NULL


cdef inline Trace* set_of(Memory* m, uint64_t hash) noexcept nogil:
    return m.slots + ((hash >> 32) & (m.sets - 1)) * MEMORY_WAYS


cdef Trace* memory_find(Memory* m, uint64_t hash) noexcept nogil:
    cdef Trace* trace = set_of(m, hash)
    cdef int _i
    for _i in range(MEMORY_WAYS):
        if trace.hash == hash and trace.what != REMEMBERED_NOTHING:
            return trace
        trace += 1
    return NULL


cdef Trace* memory_make(Memory* m, uint64_t hash, int64_t time_ns, bint* pushed_out) noexcept nogil:
    cdef uint32_t now_ms = <uint32_t> (time_ns // NS_A_MS)
    cdef Trace* trace = memory_find(m, hash)
    pushed_out[0] = False
    if trace == NULL:
        trace = oldest_of(set_of(m, hash), now_ms)
        pushed_out[0] = trace.what == REMEMBERED_SYN
    memset(trace, 0, sizeof(Trace))
    trace.hash = hash
    trace.time_ms = now_ms
    return trace


cdef Trace* oldest_of(Trace* trace, uint32_t now_ms) noexcept nogil:
    cdef Trace* oldest = trace
    cdef int _i
    for _i in range(MEMORY_WAYS):
        if trace.what == REMEMBERED_NOTHING:
            return trace
        if now_ms - trace.time_ms > now_ms - oldest.time_ms:
            oldest = trace
        trace += 1
    return oldest


cdef void memory_forget(Trace* trace) noexcept nogil:
    if trace != NULL:
        trace.what = REMEMBERED_NOTHING


cdef bint memory_late(const Trace* trace, int end, uint32_t seq, int64_t time_ns) noexcept nogil:
    cdef uint32_t now_ms = <uint32_t> (time_ns // NS_A_MS)
    cdef int32_t beyond = <int32_t> (seq - trace.end[end])
    if trace.what != REMEMBERED_OVER or <int32_t> (now_ms - trace.time_ms) > MEMORY_OVER_MS:
        return False
    if beyond > FLOW_WAIT_BYTES:
        return False
    return <int32_t> (seq - trace.start[end]) >= -1 or beyond >= -FLOW_WAIT_BYTES
