# Memory with a hard limit: a buddy allocator over one mapping.
#
# Everything that hostile traffic can make the agent keep (flows, segments out of order, partial messages, shapes,
# windows) comes from one arena, so that its resident memory is bounded by construction and freed memory is whole
# again: blocks are powers of two from 64 B to 1 MiB, and two free halves become one.
#
#     |<------------------------- 2^k bytes ------------------------->|
#     | 64 | 64 |   128   |        256        |          512          |     one byte a 64 B beside it says the order
#
# One thread uses an arena at a time.  A NULL is an answer, never an abort: the caller counts what it gives up.

from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef enum:
    ARENA_MIN_ORDER = 6             # 64 B: a cache line
    ARENA_MAX_ORDER = 20            # 1 MiB: the largest block
    ARENA_ORDERS = 15

cdef struct ArenaNode:              # a free block's first bytes
    ArenaNode* next
    ArenaNode* prev

cdef struct Arena:
    uint8_t* base                   # the mapping, aligned to ARENA_MAX
    uint8_t* orders                 # one byte a minimal block: its order, and whether it is free
    size_t size_bytes               # a multiple of 1 MiB
    size_t used_bytes               # in blocks handed out
    size_t peak_bytes
    size_t touched_bytes            # the most used since pages were given back: about what is resident
    uint64_t refused                # allocations that found no room
    ArenaNode* free[15]             # by order
    void* hot[15]                   # by order: the block freed last, not joined with its buddy yet

# Rounded down to whole MiB, at least one; False: no mapping.
cdef bint arena_init(Arena* a, size_t size_bytes) noexcept nogil
cdef void arena_close(Arena* a) noexcept nogil                          # unmaps everything at once
cdef void* arena_alloc(Arena* a, size_t size) noexcept nogil            # NULL: no room, or more than 1 MiB; not zeroed
cdef void* arena_alloc_zero(Arena* a, size_t size) noexcept nogil
cdef void arena_free(Arena* a, void* p) noexcept nogil                  # NULL is fine
cdef size_t arena_block_bytes(const Arena* a, const void* p) noexcept nogil     # how much p's block holds
# A block of at least `size` with the first `used` bytes of p (which may be NULL) and p freed; NULL: p is as it was.
cdef void* arena_grow(Arena* a, void* p, size_t used, size_t size) noexcept nogil

cdef inline double arena_pressure(const Arena* a) noexcept nogil:
    """Share of the arena that is handed out, 0 to 1."""
    return <double> a.used_bytes / <double> a.size_bytes
