from libc.stdint cimport uint64_t
from whimbrel.store.layout cimport Store

cdef Store* region_create(uint64_t heap_bytes, object path, bint memfd, bint private, uint64_t segment_bytes,
                          uint64_t max_item, int policy) except NULL
cdef Store* region_open(object path) except NULL
cdef int region_join(Store* s) except -1
cdef int region_close(Store* s) except -1
