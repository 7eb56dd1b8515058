from whimbrel.store.layout cimport Store

cdef bint process_join(Store* s) noexcept nogil
cdef void inspect_process(Store* s) noexcept nogil
cdef int sweep_step(Store* s, int steps) noexcept nogil
