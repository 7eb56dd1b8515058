from libc.stdint cimport int64_t, uint64_t
from whimbrel.store.item cimport Item
from whimbrel.store.layout cimport Store

cdef bint evict_slice(Store* s, int64_t now_ms, int steps, uint64_t headers) noexcept nogil
cdef bint evict_pressure(const Store* s) noexcept nogil
cdef uint64_t chain_sequence(const Store* s, const Item* it) noexcept nogil
cdef void dispose(Store* s, uint64_t location, uint64_t bytes, uint64_t chain_sequence) noexcept nogil
