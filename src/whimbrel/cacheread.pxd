# The reading half of whimbrel.Cache's compiled core: see cacheread.pyx.

from libc.stdint cimport int64_t, uint32_t, uint64_t
from whimbrel.cacheitem cimport Key
from whimbrel.store.store cimport Store, StoreHandle, View

cdef object missing             # "no value": what None cannot say (a C variable: the hot path looks up no name)

cdef enum:
    BIG_BYTES = 64 << 10        # bytes: about 10 us of copying, more than releasing the GIL costs
    READ_TRIES = 100_000        # times a writer may get in between in a row; then a read counts as a miss
    BUSY_STEPS = 1024           # items of eviction a write waits for at a time, about 50 us


cdef class CacheReader:
    cdef readonly StoreHandle handle
    cdef Store* store               # NULL once closed
    cdef object codec               # None: the safe one; otherwise has encode(value) and decode(data)
    cdef uint32_t codec_flags
    cdef double ttl                 # seconds, the default of every item; infinite: never
    cdef int64_t coarse_offset_ms   # steady wall = coarse clock + this
    cdef int64_t coarse_ms          # the last reading, in steady wall milliseconds
    cdef uint32_t clock_age         # operations since
    cdef uint32_t writes_since
    cdef int users                  # threads inside without the GIL
    cdef uint64_t hits, misses, sets, deletes, read_gave_up

    cdef int leave(self) except -1
    cdef object read(self, Key* key, View* v, bint hit)
    cdef bint peek(self, Key* key, View* v) noexcept


cdef object take(CacheReader cache, const View* v, bint hit)


cdef inline int check_open(CacheReader cache) except -1:
    return refuse_closed() if cache.store == NULL else 0


cdef int refuse_closed() except -1
