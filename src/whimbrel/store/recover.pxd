from whimbrel.store.layout cimport Store

cdef int recover(Store* s) except -1
cdef list verify(Store* s)
