from libc.stdint cimport int64_t, uint64_t
from whimbrel.store.layout cimport Store

cdef bint evict_slice(Store* s, int64_t now_ms, int steps, uint64_t headers) noexcept nogil
cdef bint evict_pressure(const Store* s) noexcept nogil
cdef void dispose(Store* s, uint64_t location, uint64_t bytes, bint chained) noexcept nogil
