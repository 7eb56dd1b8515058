"""base/arena.pxd, callable from Python, for its tests.  Nothing of the product imports this."""

from libc.stdint cimport int64_t, uint8_t, uintptr_t
from libc.string cimport memset
from posix.time cimport CLOCK_THREAD_CPUTIME_ID, clock_gettime, timespec
from whimbrel.base.arena cimport (
    Arena, arena_alloc, arena_alloc_zero, arena_block_bytes, arena_close, arena_free, arena_grow, arena_init,
    arena_pressure)


cdef enum:
    CHURN_BATCH = 4


cdef int64_t cpu_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
    return <int64_t> now.tv_sec * 1000000000 + now.tv_nsec


cdef class ArenaForTests:
    """An arena; blocks are named by their offset from its base, None is NULL."""

    cdef Arena a

    def __cinit__(self, size_t size_bytes):
        if not arena_init(&self.a, size_bytes):
            raise MemoryError(f"no mapping of {size_bytes} bytes")

    def __dealloc__(self):
        arena_close(&self.a)

    cdef object offset(self, void* p):
        return None if p == NULL else <uint8_t*> p - self.a.base

    cdef void* block(self, object at) except? NULL:
        return NULL if at is None else self.a.base + <size_t> at

    def alloc(self, size_t size, zero=False):
        return self.offset(arena_alloc_zero(&self.a, size) if zero else arena_alloc(&self.a, size))

    def free(self, at):
        arena_free(&self.a, self.block(at))

    def grow(self, at, size_t used, size_t size):
        return self.offset(arena_grow(&self.a, self.block(at), used, size))

    def block_bytes(self, at):
        return arena_block_bytes(&self.a, self.block(at))

    def fill(self, at, int byte, size_t n):
        memset(self.block(at), byte, n)

    def read(self, at, size_t n):
        cdef const uint8_t* p = <const uint8_t*> self.block(at)
        return p[:n]

    def churn_ns(self, size_t size, int blocks, int times):
        """Nanoseconds of CPU an allocation and its free take, `blocks` of them live at once, a few freed in a row."""
        cdef void* kept[1024]
        cdef int i, j
        cdef int64_t began
        if blocks < CHURN_BATCH or blocks > 1024 or blocks % 7 == 0:
            raise ValueError("4 to 1024 blocks, no multiple of 7")
        for i in range(blocks):
            kept[i] = arena_alloc(&self.a, size)
        began = cpu_ns()
        for i in range(0, times, CHURN_BATCH):
            for j in range(CHURN_BATCH):
                arena_free(&self.a, kept[(i + j) * 7 % blocks])
            for j in range(CHURN_BATCH):
                kept[(i + j) * 7 % blocks] = arena_alloc(&self.a, size)
        took = cpu_ns() - began
        for i in range(blocks):
            arena_free(&self.a, kept[i])
        return took / times

    @property
    def base(self):
        return <uintptr_t> self.a.base

    @property
    def size_bytes(self):
        return self.a.size_bytes

    @property
    def used_bytes(self):
        return self.a.used_bytes

    @property
    def peak_bytes(self):
        return self.a.peak_bytes

    @property
    def refused(self):
        return self.a.refused

    @property
    def pressure(self):
        return arena_pressure(&self.a)
