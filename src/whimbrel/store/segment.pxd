from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.base.atomic cimport fetch_add64, fetch_sub64, load_acquire64, load_relaxed64, store_release64
from whimbrel.store.layout cimport (
    Cell, GROUP_BYTES, LINE_BYTES, POLICY_WITH_GHOSTS, Segment, Store, TTL_CLASSES, live_of, segment_of,
)


cdef enum:
    URGENT_SEGMENTS = 2             # the last free ones are only for the evictor's relocations

cdef struct Place:                  # bytes handed out for one item, and the cell that protects them
    uint8_t* at
    uint64_t location
    Cell* cell


cdef bint segment_reserve(Store* s, int queue, int64_t expire_ms, int64_t now_ms, uint64_t size, bint urgent,
                          Place* place) noexcept nogil
cdef void segment_cancel(Store* s, Place* place, uint64_t size) noexcept nogil
cdef bint segment_large(Store* s, int queue, int64_t expire_ms, int64_t now_ms, uint64_t size,
                        Place* place) noexcept nogil
cdef void list_append(Store* s, uint32_t number, int queue) noexcept nogil
cdef void segment_free(Store* s, uint32_t number) noexcept nogil
cdef void segment_free_large(Store* s, uint32_t number, uint64_t sequence) noexcept nogil
cdef void segment_unopen(Store* s, uint32_t number) noexcept nogil
cdef bint segment_unnamed(Store* s, uint64_t number) noexcept nogil
cdef bint segment_seal(Store* s, uint32_t number) noexcept nogil
cdef bint segment_quiet(Store* s, uint32_t number) noexcept nogil
cdef void segment_seal_all(Store* s) noexcept nogil
cdef void segment_move_to(Store* s, uint32_t number, int queue) noexcept nogil
cdef uint64_t overhead_bytes(const Store* s) noexcept nogil
cdef uint64_t segments_allowed(const Store* s) noexcept nogil
cdef uint64_t segments_spare(const Store* s) noexcept nogil
cdef int ttl_class(const Store* s, int64_t expire_ms, int64_t now_ms) noexcept nogil


cdef inline uint64_t group_cost(const Store* s) noexcept nogil:
    """A group and, where the policy has ghosts, their line: 2.5 bytes for each of about 26 items."""
    return GROUP_BYTES + (LINE_BYTES if s.policy == POLICY_WITH_GHOSTS else 0)


cdef inline void cell_release(Place* place) noexcept nogil:
    store_release64(&place.cell.segment, 0)


cdef inline void live_add(Store* s, uint64_t location, uint64_t bytes) noexcept nogil:
    fetch_add64(&segment_of(s, location).live, live_of(bytes))


cdef inline uint64_t live_sub(Store* s, uint64_t location, uint64_t bytes) noexcept nogil:
    """Returns what is left."""
    return fetch_sub64(&segment_of(s, location).live, live_of(bytes)) - live_of(bytes)
