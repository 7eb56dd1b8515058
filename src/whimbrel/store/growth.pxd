from libc.stdint cimport uint64_t
from whimbrel.store.layout cimport Store

cdef bint growth_step(Store* s, int groups) noexcept nogil
cdef bint growth_wanted(const Store* s) noexcept nogil
