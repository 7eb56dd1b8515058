from whimbrel.store.layout cimport Store

cdef void segments_rebuild(Store* s) noexcept nogil
