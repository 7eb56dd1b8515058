from libc.stdint cimport uint64_t
from whimbrel.store.layout cimport Store

cdef bint growth_step(Store* s, int groups) noexcept nogil
cdef bint growth_wanted(const Store* s) noexcept nogil
cdef void migrate_group(Store* s, uint64_t n, uint64_t index, bint again) noexcept nogil
